import { z } from 'zod';
import type { Asking, VultrClient } from './client.ts';
import { meta } from './wire.ts';

export type Wanted = readonly (readonly [name: string, value: string])[];

export interface Page<T> {
  /** False when an entry could not be read, or when the API's own count changed or was not reached. */
  readonly complete: boolean;
  readonly entries: readonly T[];
}

export interface Collection<T> {
  readonly path: string;
  /** Under which the answer holds the entries. */
  readonly key: string;
  readonly entry: z.ZodType<T & { readonly id: string | number }>;
  readonly query?: Wanted;
}

/** The most that the API gives at once. */
const PER_PAGE = '500';
/** A list without an end is a broken answer. */
const MAX_PAGES = 100;

/** All pages of a list. Any page that cannot be read is an error. */
export async function listAll<T>(
  client: Pick<VultrClient, 'get'>,
  { path, key, entry, query = [] }: Collection<T>,
  { lane, signal }: Asking,
): Promise<Page<T>> {
  const answer = z.object({ [key]: z.array(z.unknown()), meta: meta.nullish() });
  const found = new Map<string | number, T>();
  const totals = new Set<number>();
  let unreadable = 0;
  let cursor = '';
  let ended = false;
  for (let pages = 0; !ended && pages < MAX_PAGES; pages++) {
    const value: Record<string, unknown> = await client.get({
      doing: `list ${path.slice(1)}`,
      path,
      query: [...query, ['per_page', PER_PAGE], ...(cursor === '' ? [] : [['cursor', cursor] as const])],
      answer,
      lane,
      signal,
    });
    for (const each of value[key] as unknown[]) {
      const parsed = entry.safeParse(each);
      if (parsed.success) found.set(parsed.data.id, parsed.data);
      else unreadable++;
    }
    const { total, links } = meta.safeParse(value['meta']).data ?? {};
    if (typeof total === 'number') totals.add(total);
    const next = links?.next ?? '';
    // A cursor that leads back to itself would be read for ever.
    ended = next === '' || next === cursor;
    if (next === cursor && next !== '') unreadable++;
    cursor = next;
  }
  const read = found.size + unreadable;
  // Whether a filter counts in `total` is not documented: with one, a higher number proves nothing.
  const reached = [...totals].every((total) => (query.length === 0 ? total === read : total >= read));
  return { complete: unreadable === 0 && ended && totals.size <= 1 && reached, entries: [...found.values()] };
}
