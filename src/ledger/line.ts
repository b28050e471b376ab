import { crc32 } from 'node:zlib';
import type { ContractId } from '../ports/ids.ts';

const SUM = /,"s":"([0-9a-f]{8})"\}$/;

/** One JSON object on one line, ending in a checksum of everything before it. Readable with `less` and `jq`. */
export function encodeLine(value: object): string {
  const body = JSON.stringify(value).slice(0, -1);
  return `${body},"s":"${checksum(body)}"}\n`;
}

/** The object of a line without its newline, or undefined when the line is damaged. */
export function decodeLine(line: string): Record<string, unknown> | undefined {
  const match = SUM.exec(line);
  if (match === null || checksum(line.slice(0, match.index)) !== match[1]) return undefined;
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    // A line that carries the right sum and is no JSON was not written by us: damaged, like any other.
    return undefined;
  }
}

const ID_PIECE = 16;

/**
 * The contracts that a damaged line may have been about. One that is named and known is believed (two, where the line break
 * between two lines is what was damaged); else every known one of whose id a quarter is still there; else what is named.
 */
export function contractsOfDamagedLine(line: string, known: ReadonlyMap<ContractId, unknown>): readonly ContractId[] {
  const named = [...line.matchAll(/"(?:c|contract)":"([0-9a-f]{64})"/g)].map((match) => match[1] as ContractId);
  const believed = named.filter((contract) => known.has(contract));
  if (believed.length > 0) return believed;
  const similar = [...known.keys()].filter((contract) => hasPieceOf(line, contract));
  return similar.length > 0 ? similar : named;
}

function hasPieceOf(line: string, contract: ContractId): boolean {
  for (let start = 0; start < contract.length; start += ID_PIECE) {
    if (line.includes(contract.slice(start, start + ID_PIECE))) return true;
  }
  return false;
}

function checksum(text: string): string {
  return crc32(text).toString(16).padStart(8, '0');
}
