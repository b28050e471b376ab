import { join } from 'node:path';
import { apply } from '../lifecycle/apply.ts';
import type { ContractEvent, ContractRecord } from '../lifecycle/record.ts';
import type { Disk } from '../ports/disk.ts';
import { type ContractId, parseContractId } from '../ports/ids.ts';
import { formatVersion, isJournal, LEDGER_VERSION, SNAPSHOT_FILE } from './format.ts';
import { contractsOfDamagedLine, decodeLine } from './line.ts';

export interface Replay {
  readonly records: Map<ContractId, ContractRecord>;
  /** Contracts of which some record is damaged, and why. Their last good state is in `records`; nothing may act on it. */
  readonly quarantined: Map<ContractId, string>;
  /** For the operator: damage that concerns no single contract. */
  readonly problems: string[];
  /** Number of the last entry. */
  last: number;
  /** Entries read from journals: how much a snapshot would save. */
  journalled: number;
  /** The newest journal, and where its good part ends. Undefined when there is none. */
  tail: { readonly file: string; readonly goodLength: number; readonly length: number } | undefined;
  readonly files: readonly string[];
  /** Some file is of an older format: entries of today must not follow there, where an older program would read on. */
  outdated: boolean;
}

/**
 * Reads a ledger directory and changes nothing. A torn last line (no newline: it was never acknowledged) is left out; any other
 * damaged line quarantines the contract that it was about. Throws LedgerVersionError when a newer program wrote it.
 */
export async function replay(disk: Disk, directory: string): Promise<Replay> {
  const names = await disk.list(directory);
  const journals = names.filter(isJournal);
  const state: Replay = {
    records: new Map(),
    quarantined: new Map(),
    problems: [],
    last: 0,
    journalled: 0,
    tail: undefined,
    files: journals,
    outdated: false,
  };
  if (names.includes(SNAPSHOT_FILE)) readSnapshot(state, await text(disk, directory, SNAPSHOT_FILE));
  for (const name of journals) {
    const bytes = (await disk.read(join(directory, name))) ?? new Uint8Array();
    readJournal(state, name, bytes);
  }
  return state;
}

async function text(disk: Disk, directory: string, name: string): Promise<string> {
  return Buffer.from((await disk.read(join(directory, name))) ?? new Uint8Array()).toString('utf8');
}

function readSnapshot(state: Replay, content: string): void {
  let expected: unknown;
  let found = 0;
  for (const line of content.split('\n')) {
    if (line === '') continue;
    const value = decodeLine(line);
    if (value !== undefined && isHeader(state, SNAPSHOT_FILE, value)) {
      state.last = entryNumber(value['n']) ?? 0;
      expected = value['lines'];
      continue;
    }
    found++;
    if (value === undefined || !readRecord(state, value)) damaged(state, line, `a line of ${SNAPSHOT_FILE}`);
  }
  if (typeof expected === 'number' && found < expected) {
    state.problems.push(`${SNAPSHOT_FILE} is cut short: ${expected - found} of its ${expected} contracts are missing`);
  }
}

function isHeader(state: Replay, file: string, line: Record<string, unknown>): boolean {
  const version = formatVersion(file, line);
  if (version !== undefined && version < LEDGER_VERSION) state.outdated = true;
  return version !== undefined;
}

/** False when the line is not one that a ledger writes. */
function readRecord(state: Replay, value: Record<string, unknown>): boolean {
  const record = value['r'];
  const contract = parseContractId(isObject(record) ? record['contract'] : value['c']);
  if (contract === undefined) return false;
  if (record !== undefined) {
    if (!isRecord(record)) return false;
    state.records.set(contract, record);
  }
  if (typeof value['quarantined'] === 'string') state.quarantined.set(contract, value['quarantined']);
  return true;
}

function readJournal(state: Replay, name: string, bytes: Uint8Array): void {
  const content = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let start = 0;
  for (let end = content.indexOf(0x0a); end !== -1; end = content.indexOf(0x0a, start)) {
    readEntry(state, name, content.toString('utf8', start, end));
    start = end + 1;
  }
  state.tail = { file: name, goodLength: start, length: content.length };
  // A whole entry and one byte more was not torn: the byte was its line break.
  const lastByteWrong = content.toString('utf8', start, content.length - 1);
  if (decodeLine(lastByteWrong) !== undefined) {
    readEntry(state, name, lastByteWrong);
    state.tail = undefined;
  }
}

function readEntry(state: Replay, name: string, line: string): void {
  const value = decodeLine(line);
  if (value !== undefined && isHeader(state, name, value)) return noteGap(state, name, entryNumber(value['after']));
  const number = entryNumber(value?.['n']);
  const contract = parseContractId(value?.['c']);
  const at = value?.['at'];
  const event = value?.['e'];
  if (number === undefined || typeof at !== 'number' || contract === undefined || !isEvent(event)) {
    return damaged(state, line, `a line of ${name}`);
  }
  if (number <= state.last) return;
  state.last = number;
  state.journalled++;
  if (state.quarantined.has(contract)) return;
  const next = apply(state.records.get(contract), contract, event, at);
  if (next === undefined) {
    state.quarantined.set(contract, `${name}: an entry does not follow from the ones before it`);
  } else {
    state.records.set(contract, next);
  }
}

/** A snapshot that was taken away leaves a journal that does not begin where the last entry was. */
function noteGap(state: Replay, name: string, after: number | undefined): void {
  if (after === undefined || after <= state.last) return;
  state.problems.push(`${name} begins after entry ${after}, but the entries from ${state.last + 1} on are missing`);
  state.last = after;
}

function damaged(state: Replay, line: string, where: string): void {
  const contracts = contractsOfDamagedLine(line, state.records);
  if (contracts.length === 0) state.problems.push(`${where} is damaged, and its contract cannot be told`);
  for (const contract of contracts) state.quarantined.set(contract, `${where} is damaged`);
}

/** Numbers beyond what can be counted on from are not ours. */
function entryNumber(value: unknown): number | undefined {
  return Number.isInteger(value) && Number(value) >= 0 && Number(value) < 2 ** 52 ? Number(value) : undefined;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

/** The sum of a line proves who wrote it, so only its kind is looked at. */
function isEvent(value: unknown): value is ContractEvent {
  return isObject(value) && typeof value['type'] === 'string';
}

function isRecord(value: unknown): value is ContractRecord {
  return isObject(value) && isObject(value['order']) && isObject(value['tries']) && Array.isArray(value['history']);
}
