import { join } from 'node:path';
import type { Disk } from '../ports/disk.ts';
import type { ContractId } from '../ports/ids.ts';
import { parseLine, type Sample } from './lines.ts';
import { segmentsOf } from './open-last.ts';
import { readSegmentName, segmentFile } from './places.ts';

/** A sample with how often one was due when it was taken. */
export interface DueSample extends Sample {
  readonly intervalMs: number;
}

/** The contracts of which there is a log. */
export async function loggedContracts(disk: Disk, directory: string): Promise<ContractId[]> {
  const names = (await disk.list(directory)).map((name) => readSegmentName(name)?.contract);
  return [...new Set(names.filter((contract) => contract !== undefined))];
}

/**
 * Makes what is in the log safe. What an export has signed must be there for ever: a power cut that took it from the log, but not
 * from the file that somebody holds, would look like a forgery.
 */
export async function settleLog(disk: Disk, directory: string, contract: ContractId): Promise<void> {
  const number = (await segmentsOf(disk, directory, contract)).at(-1);
  if (number === undefined) return;
  const file = await disk.openAppend(join(directory, segmentFile(contract, number)));
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}

/** All segments of one contract in one text, without what a crash tore off at its end. Empty when there is no log. */
export async function readText(disk: Disk, directory: string, contract: ContractId): Promise<string> {
  const texts: string[] = [];
  for (const number of await segmentsOf(disk, directory, contract)) {
    // A segment that was removed while the list was read is not missed: it was too old.
    const bytes = Buffer.from((await disk.read(join(directory, segmentFile(contract, number)))) ?? new Uint8Array());
    texts.push(bytes.toString('latin1', 0, bytes.lastIndexOf(0x0a) + 1));
  }
  return texts.join('');
}

/** The samples of a text. Lines that are damaged are left out: what they said is not known, and counts as not seen. */
export function samplesOf(text: string): DueSample[] {
  const samples: DueSample[] = [];
  let intervalMs = 0;
  for (const raw of text.split('\n')) {
    const line = parseLine(raw);
    if (line?.kind === 'header') intervalMs = line.intervalMs;
    else if (line?.kind === 'sample') samples.push({ ...line, intervalMs });
  }
  return samples;
}
