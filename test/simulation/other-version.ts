import { decodeLine, encodeLine } from '../../src/ledger/line.ts';
import type { ModelDisk } from './model-disk.ts';

export type Version = 'this' | 'next';

/**
 * What a later version of the same ledger format leaves behind: the same entries with fields that this version does not know, in
 * headers, entries, events, records and orders. Lines that are torn or damaged stay as they are.
 */
export function asWrittenByNext(disk: ModelDisk): void {
  for (const [path, file] of disk.files) {
    if (!path.endsWith('.jsonl')) continue;
    const lines = Buffer.from(file.bytes).toString('utf8').split('\n');
    const rest = lines.pop() ?? '';
    const bytes = Buffer.from(lines.map(asNext).join('') + rest);
    file.bytes = bytes;
    file.synced = bytes.length;
  }
}

function asNext(line: string): string {
  const value = decodeLine(line);
  if (value === undefined) return `${line}\n`;
  const { s: _sum, ...content } = value;
  return encodeLine(withNews(content));
}

/** `news` at the top, and inside what is nested there. */
function withNews(value: Record<string, unknown>): Record<string, unknown> {
  const inner = ['e', 'r', 'order'].flatMap((key) => (isObject(value[key]) ? [[key, withNews(value[key])]] : []));
  return { ...value, ...Object.fromEntries(inner), news: { since: 'next', list: [1, 'two'] } };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
