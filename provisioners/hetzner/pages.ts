import { z } from 'zod';
import type { Asking, HetznerClient } from './client.ts';
import { meta } from './wire.ts';

export type Wanted = readonly (readonly [name: string, value: string])[];

export interface Page<T> {
  /** False when an entry could not be read, or when entries may have moved from one page to another while they were read. */
  readonly complete: boolean;
  readonly entries: readonly T[];
}

export interface Collection<T> {
  readonly path: string;
  /** Under which the answer holds the entries. */
  readonly key: string;
  readonly entry: z.ZodType<T & { readonly id: number }>;
  readonly query?: Wanted;
}

/** The most that the API gives at once; it is 25 where nothing is asked for. */
const PER_PAGE = '50';
/** A project has some hundred servers at most; a list without an end is a broken answer. */
const MAX_PAGES = 200;

/** All pages of a list, oldest entries first where the API can sort them. Any page that cannot be read is an error. */
export async function listAll<T>(
  client: Pick<HetznerClient, 'get'>,
  { path, key, entry, query = [] }: Collection<T>,
  { lane, signal }: Asking,
): Promise<Page<T>> {
  const answer = z.object({ [key]: z.array(z.unknown()), meta: meta.nullish() });
  const found = new Map<number, T>();
  const totals = new Set<number>();
  let unreadable = 0;
  let page: number | undefined = 1;
  for (let pages = 0; page !== undefined && pages < MAX_PAGES; pages++) {
    const value: Record<string, unknown> = await client.get({
      doing: `list ${path.slice(1)}`,
      path,
      query: [...query, ['page', String(page)], ['per_page', PER_PAGE]],
      answer,
      lane,
      signal,
    });
    for (const each of value[key] as unknown[]) {
      const parsed = entry.safeParse(each);
      if (parsed.success) found.set(parsed.data.id, parsed.data);
      else unreadable++;
    }
    const { next_page, total_entries } = meta.safeParse(value.meta).data?.pagination ?? {};
    if (typeof total_entries === 'number') totals.add(total_entries);
    page = next_page ?? undefined;
  }
  // Pages are counted anew for each call: a deletion between two of them moves an entry onto the page that was read already.
  const steady = totals.size === 0 || (totals.size === 1 && totals.has(found.size + unreadable));
  return { complete: unreadable === 0 && page === undefined && steady, entries: [...found.values()] };
}
