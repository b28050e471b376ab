import type { KeyPath } from './locate.ts';
import type { Report } from './report.ts';
import { eachValue, isWithin, type Table } from './tables.ts';

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
  eachValue(document, (path, value) => {
    if (typeof value !== 'string' || unused.some((part) => isWithin(path, part))) return;
    const text = value.toUpperCase();
    const placeholder = PLACEHOLDERS.find((word) => text.includes(word));
    if (placeholder === undefined) return;
    report.retract(path);
    report.problem(path, `still holds the placeholder ${placeholder}`, { expected: 'your own value' });
  });
}
