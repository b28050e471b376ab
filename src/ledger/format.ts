/**
 * Raised whenever older programs could no longer read what is written. Every version ever released stays a fixture of the tests.
 *
 * | version | since then |
 * |---|---|
 * | 2 | routes: a program that does not know them would free a machine's address while ports still lead to it; recipes: it would hand a machine over with our key in it |
 */
export const LEDGER_VERSION = 2;

export const FORMAT_NAME = 'dc-agent-ledger';
export const SNAPSHOT_FILE = 'snapshot.jsonl';

/** A journal holds the entries after number `after`. */
export function journalFile(after: number): string {
  return `journal-${String(after).padStart(12, '0')}.jsonl`;
}

const JOURNAL = /^journal-(\d{12})\.jsonl$/;

export function isJournal(name: string): boolean {
  return JOURNAL.test(name);
}

/** The ledger was written by a newer program. Nothing was read or changed. */
export class LedgerVersionError extends Error {
  override readonly name = 'LedgerVersionError';
  constructor(file: string, version: unknown) {
    super(
      `${file} has format version ${typeof version === 'string' ? version : JSON.stringify(version)}, and this program knows up to ${LEDGER_VERSION}: it was written by a newer dc-agent. ` +
        'Run that version again, or a newer one; going back would lose promises made to tenants.',
    );
  }
}

/** The format of a file whose first line this is. Throws LedgerVersionError for a newer one, returns undefined when it is no header. */
export function formatVersion(file: string, line: Record<string, unknown>): number | undefined {
  if (line['format'] !== FORMAT_NAME) return undefined;
  const version = line['version'];
  if (typeof version !== 'number' || version > LEDGER_VERSION) throw new LedgerVersionError(file, version);
  return version;
}
