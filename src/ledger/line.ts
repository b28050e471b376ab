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

/** Which contract a damaged line was about, as far as that can still be read. */
export function contractOfDamagedLine(line: string): ContractId | undefined {
  return /"(?:c|contract)":"([0-9a-f]{64})"/.exec(line)?.[1] as ContractId | undefined;
}

function checksum(text: string): string {
  return crc32(text).toString(16).padStart(8, '0');
}
