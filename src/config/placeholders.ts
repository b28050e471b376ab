import type { KeyPath } from './locate.ts';
import { formatPath, type Report } from './report.ts';
import { eachValue, type Table } from './tables.ts';

/** What generated and example files carry where the operator has to fill in something; upper or lower case. */
export const PLACEHOLDERS = [
  'YOUR-PROXMOX-HOST',
  'REPLACE-WITH-YOUR',
  'YOUR_TOKEN',
  'CHANGEME',
  'YOUR-API',
  'EXAMPLE.COM',
] as const;

/**
 * Reports every placeholder that was left in the file, except in parts that nobody reads. Other complaints about the same
 * keys are dropped: filling in the value comes first.
 */
export function reportPlaceholders(document: Table, unused: readonly KeyPath[], report: Report): void {
  const skipped = new Set(unused.map(formatPath));
  const isUnused = (path: KeyPath): boolean => path.some((_, i) => skipped.has(formatPath(path.slice(0, i + 1))));
  const found: [path: KeyPath, placeholder: string][] = [];
  eachValue(document, (path, value) => {
    if (typeof value !== 'string') return;
    const text = value.toUpperCase();
    const placeholder = PLACEHOLDERS.find((word) => text.includes(word));
    if (placeholder !== undefined && !isUnused(path)) found.push([path, placeholder]);
  });
  report.retract(found.map(([path]) => path));
  for (const [path, placeholder] of found) {
    report.problem(path, `still holds the placeholder ${placeholder}`, { expected: 'your own value' });
  }
}
