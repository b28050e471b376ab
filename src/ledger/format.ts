/** Raised whenever older programs could no longer read what is written. Every version ever released stays a fixture of the tests. */
export const LEDGER_VERSION = 1;

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
      `${file} has format version ${String(version)}, and this program knows up to ${LEDGER_VERSION}: it was written by a newer dc-agent. ` +
        'Run that version again, or a newer one; going back would lose promises made to tenants.',
    );
  }
}

/** Checks the first line of a ledger file. Throws LedgerVersionError for a newer format, returns false when it is no header. */
export function isHeader(file: string, line: Record<string, unknown>): boolean {
  if (line['format'] !== FORMAT_NAME) return false;
  const version = line['version'];
  if (typeof version !== 'number' || version > LEDGER_VERSION) throw new LedgerVersionError(file, version);
  return true;
}
