import { join } from 'node:path';
import { apply } from '../lifecycle/apply.ts';
import type { ContractEvent, ContractRecord } from '../lifecycle/record.ts';
import type { Disk } from '../ports/disk.ts';
import { type ContractId, parseContractId } from '../ports/ids.ts';
import { isHeader, isJournal, SNAPSHOT_FILE } from './format.ts';
import { contractOfDamagedLine, decodeLine } from './line.ts';

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
  const lines = content.split('\n');
  for (const line of lines) {
    if (line === '') continue;
    const value = decodeLine(line);
    if (value === undefined) {
      damaged(state, line, `a line of ${SNAPSHOT_FILE}`);
    } else if (isHeader(SNAPSHOT_FILE, value)) {
      state.last = typeof value['n'] === 'number' ? value['n'] : 0;
    } else {
      readRecord(state, value);
    }
  }
}

function readRecord(state: Replay, value: Record<string, unknown>): void {
  const record = value['r'] as ContractRecord | undefined;
  const contract = parseContractId(record?.contract ?? value['c']);
  if (contract === undefined) return;
  if (record !== undefined) state.records.set(contract, record);
  if (typeof value['quarantined'] === 'string') state.quarantined.set(contract, value['quarantined']);
}

function readJournal(state: Replay, name: string, bytes: Uint8Array): void {
  const content = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let start = 0;
  let goodLength = 0;
  while (start < content.length) {
    const end = content.indexOf(0x0a, start);
    if (end === -1) break;
    readEntry(state, name, content.toString('utf8', start, end));
    start = end + 1;
    goodLength = start;
  }
  state.tail = { file: name, goodLength, length: content.length };
}

function readEntry(state: Replay, name: string, line: string): void {
  const value = decodeLine(line);
  if (value === undefined) return damaged(state, line, `a line of ${name}`);
  if (isHeader(name, value)) return;
  const number = value['n'];
  if (typeof number !== 'number') return;
  if (number <= state.last) return;
  state.last = number;
  state.journalled++;
  const contract = parseContractId(value['c']);
  if (contract === undefined || state.quarantined.has(contract)) return;
  const next = apply(state.records.get(contract), contract, value['e'] as ContractEvent, Number(value['at']));
  if (next === undefined) {
    state.quarantined.set(contract, `${name}: an entry does not follow from the ones before it`);
  } else {
    state.records.set(contract, next);
  }
}

function damaged(state: Replay, line: string, where: string): void {
  const contract = contractOfDamagedLine(line);
  if (contract === undefined) state.problems.push(`${where} is damaged, and its contract cannot be told`);
  else state.quarantined.set(contract, `${where} is damaged`);
}
