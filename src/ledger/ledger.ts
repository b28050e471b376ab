import { join } from 'node:path';
import { apply } from '../lifecycle/apply.ts';
import type { ContractEvent, ContractRecord } from '../lifecycle/record.ts';
import type { Cancel, Clock } from '../ports/clock.ts';
import type { Disk, Release } from '../ports/disk.ts';
import type { ContractId } from '../ports/ids.ts';
import type { Log } from '../ports/log.ts';
import { FORMAT_NAME, journalFile, LEDGER_VERSION, SNAPSHOT_FILE } from './format.ts';
import { Journal } from './journal.ts';
import { encodeLine } from './line.ts';
import { type Replay, replay } from './replay.ts';

/** A closed contract is remembered this long: a machine that turns up again is recognised, and `explain` still knows it. */
const KEEP_CLOSED_MS = 30 * 86_400_000;
/** So many journal entries are worth a snapshot. */
const SNAPSHOT_AFTER = 20_000;

/** Another process uses the same state directory. */
export class LedgerLockedError extends Error {
  override readonly name = 'LedgerLockedError';
  constructor(directory: string, holder: string | undefined) {
    super(
      `another dc-agent${holder === undefined ? '' : ` (process ${holder})`} uses ${directory}. ` +
        'Two agents on one state directory would undo each other: stop the other one, or give this one a state_dir of its own.',
    );
  }
}

export interface LedgerOptions {
  readonly disk: Disk;
  readonly directory: string;
  readonly clock: Clock;
  readonly log: Log;
  /** So many journal entries are worth a snapshot; 20,000 unless told. */
  readonly snapshotAfter?: number;
  /** Called with an entry's number once it is safe, before anybody acts on it. Tests end the process here. */
  readonly onEntry?: (number: number) => void;
}

/**
 * The durable record of every promise made for a contract and every step taken. One writer; readers see the state as it will be
 * after everything handed in so far is safe, so whoever acts on it awaits `append` first.
 */
export class Ledger {
  readonly #options: LedgerOptions;
  readonly #state: Replay;
  readonly #journal: Journal;
  readonly #release: Release;
  readonly #listeners = new Set<(contract: ContractId, event: ContractEvent, at: number) => void>();

  /** Use `openLedger`. */
  constructor(options: LedgerOptions, state: Replay, journal: Journal, release: Release) {
    this.#options = options;
    this.#state = state;
    this.#journal = journal;
    this.#release = release;
  }

  get records(): ReadonlyMap<ContractId, ContractRecord> {
    return this.#state.records;
  }

  get quarantined(): ReadonlyMap<ContractId, string> {
    return this.#state.quarantined;
  }

  /** Damage found at start that concerns no single contract. */
  get problems(): readonly string[] {
    return this.#state.problems;
  }

  /** Why nothing can be written at the moment. */
  get writeProblem(): string | undefined {
    return this.#journal.problem;
  }

  /** Called for each event as it is applied. Returns how to stop it. */
  onEvent(listener: (contract: ContractId, event: ContractEvent, at: number) => void): Cancel {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * Applies events to one contract, at once and in order; resolves when they are safe. While the disk refuses, it waits.
   * Throws when an event cannot follow from the record, or the contract is quarantined: both are faults of the caller.
   */
  append(contract: ContractId, ...events: readonly ContractEvent[]): Promise<void> {
    if (this.#state.quarantined.has(contract)) throw new Error(`contract ${contract} is quarantined`);
    const at = this.#options.clock.now();
    const written = events.map((event) => this.#enter(contract, event, at));
    return Promise.all(written).then(() => undefined);
  }

  #enter(contract: ContractId, event: ContractEvent, at: number): Promise<void> {
    const next = apply(this.#state.records.get(contract), contract, event, at);
    if (next === undefined) throw new Error(`event ${event.type} cannot follow for contract ${contract}`);
    this.#state.records.set(contract, next);
    this.#state.journalled++;
    const number = ++this.#state.last;
    for (const listener of this.#listeners) listener(contract, event, at);
    const safe = this.#journal.append(encodeLine({ n: number, at, c: contract, e: event }));
    const { onEntry } = this.#options;
    return onEntry === undefined ? safe : safe.then(() => onEntry(number));
  }

  /** True when the journal has grown so long that `compact` pays. */
  get wantsCompaction(): boolean {
    return this.#state.journalled >= (this.#options.snapshotAfter ?? SNAPSHOT_AFTER);
  }

  /** Writes the state as a snapshot and begins a new journal. A crash at any point leaves a ledger that reads the same. */
  async compact(): Promise<void> {
    await this.#journal.hold();
    try {
      await this.#snapshot();
    } finally {
      this.#journal.resume();
    }
  }

  async #snapshot(): Promise<void> {
    const { disk, directory, clock, log } = this.#options;
    forgetOld(this.#state.records, clock.now());
    const covered = this.#state.last;
    const bytes = Buffer.from(snapshotText(this.#state, covered));
    const old = (await disk.list(directory)).filter((name) => name.startsWith('journal-'));
    await disk.replace(join(directory, SNAPSHOT_FILE), bytes);
    const file = journalFile(covered);
    await this.#journal.continueIn(join(directory, file), header(covered));
    for (const name of old) if (name !== file) await disk.remove(join(directory, name));
    this.#state.journalled = 0;
    log.debug({ entries: covered, bytes: bytes.length }, 'ledger snapshot written');
  }

  async close(): Promise<void> {
    try {
      await this.#journal.close();
    } finally {
      await this.#release();
    }
  }
}

/** Opens (and when need be makes) the ledger. Throws LedgerLockedError, LedgerVersionError, or the disk's own error. */
export async function openLedger(options: LedgerOptions): Promise<Ledger> {
  const { disk, directory, log } = options;
  await disk.ensureDirectory(directory);
  const lockPath = join(directory, 'lock');
  const release = await disk.lock(lockPath);
  if (release === undefined) {
    const holder = Buffer.from((await disk.read(lockPath)) ?? new Uint8Array())
      .toString('utf8')
      .trim();
    throw new LedgerLockedError(directory, holder === '' ? undefined : holder);
  }
  try {
    const state = await replay(disk, directory);
    const journal = await continueJournal(options, state);
    const ledger = new Ledger(options, state, journal, release);
    for (const problem of state.problems) log.error({ problem }, 'the ledger is damaged');
    for (const [contract, why] of state.quarantined)
      log.error({ contract, why }, 'a contract is quarantined: its ledger entries are damaged');
    if (state.journalled >= SNAPSHOT_AFTER / 10 || state.tail === undefined || state.outdated) await ledger.compact();
    return ledger;
  } catch (error) {
    await release();
    throw error;
  }
}

async function continueJournal(options: LedgerOptions, state: Replay): Promise<Journal> {
  const { disk, directory, clock, log } = options;
  const { tail } = state;
  if (tail === undefined) return new Journal(disk, clock, log, join(directory, journalFile(state.last)), 0);
  if (tail.goodLength < tail.length) {
    log.warn(
      { file: tail.file, bytes: tail.length - tail.goodLength },
      'a torn last ledger entry was dropped: it was never acted upon',
    );
    await disk.truncate(join(directory, tail.file), tail.goodLength);
  }
  return new Journal(disk, clock, log, join(directory, tail.file), tail.goodLength);
}

function header(after: number): string {
  return encodeLine({ format: FORMAT_NAME, version: LEDGER_VERSION, after });
}

function forgetOld(records: Map<ContractId, ContractRecord>, now: number): void {
  for (const [contract, record] of records) {
    if (record.closedAt !== undefined && now - record.closedAt > KEEP_CLOSED_MS) records.delete(contract);
  }
}

function snapshotText(state: Replay, covered: number): string {
  const lines: string[] = [];
  for (const [contract, record] of state.records) {
    const why = state.quarantined.get(contract);
    lines.push(encodeLine({ r: record, ...(why === undefined ? {} : { quarantined: why }) }));
  }
  for (const [contract, why] of state.quarantined) {
    if (!state.records.has(contract)) lines.push(encodeLine({ c: contract, quarantined: why }));
  }
  const head = encodeLine({ format: FORMAT_NAME, version: LEDGER_VERSION, n: covered, lines: lines.length });
  return `${head}${lines.join('')}`;
}
