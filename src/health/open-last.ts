import { join } from 'node:path';
import type { Disk } from '../ports/disk.ts';
import type { ContractId } from '../ports/ids.ts';
import { follow, type IsSigned, isBroken, type Position } from './follow.ts';
import type { Sample } from './lines.ts';
import { readSegmentName, segmentFile } from './places.ts';

export interface Found {
  readonly number: number;
  /** Absent where what is there cannot be gone on with. */
  readonly position?: Position;
  readonly why?: string;
  readonly lines: number;
  readonly begunAt?: number;
  readonly last?: Sample;
}

/**
 * Where a contract's log ends, for going on with it. What a crash tore off is cut away; a segment of which nothing is left is
 * removed. Undefined when there is no log yet.
 */
export async function openLast(
  disk: Disk,
  directory: string,
  contract: ContractId,
  isSigned: IsSigned,
): Promise<Found | undefined> {
  for (const number of (await segmentsOf(disk, directory, contract)).reverse()) {
    const path = join(directory, segmentFile(contract, number));
    const bytes = Buffer.from((await disk.read(path)) ?? new Uint8Array());
    const whole = bytes.lastIndexOf(0x0a) + 1;
    if (whole === 0) {
      await disk.remove(path);
      continue;
    }
    if (whole < bytes.length) await disk.truncate(path, whole);
    let lines = 0;
    const samples: Sample[] = [];
    const end = follow(bytes.toString('latin1', 0, whole), isSigned, ({ line }) => {
      lines++;
      if (line.kind === 'sample') samples.push(line);
    });
    if (isBroken(end)) return { number, why: end.why, lines };
    const [first] = samples;
    const last = samples.at(-1);
    return {
      number,
      position: end,
      lines,
      ...(first === undefined ? {} : { begunAt: first.at }),
      ...(last === undefined ? {} : { last }),
    };
  }
  return undefined;
}

/** The numbers of a contract's segments, oldest first. */
export async function segmentsOf(disk: Disk, directory: string, contract: ContractId): Promise<number[]> {
  const names = (await disk.list(directory)).map((name) => readSegmentName(name));
  return names.flatMap((one) => (one?.contract === contract ? [one.number] : [])).sort((a, b) => a - b);
}
