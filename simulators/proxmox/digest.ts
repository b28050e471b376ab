import { createHash } from 'node:crypto';

/** A file's digest as PVE shows it: 40 hex digits that change with what is in it. */
export function digestOf(content: object): string {
  return createHash('sha1').update(JSON.stringify(content)).digest('hex');
}
