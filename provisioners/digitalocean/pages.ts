import { z } from 'zod';
import { ProvisionerError } from '../../src/provisioner/index.ts';
import type { Asking, DoClient } from './client.ts';
import { links, meta } from './wire.ts';

export interface Page<T> {
  /** False when an entry could not be read, or when entries may have moved from one page to another while they were read. */
  readonly complete: boolean;
  readonly entries: readonly T[];
}

export interface Collection<T> {
  readonly path: string;
  /** Under which the answer holds the entries. */
  readonly key: string;
  readonly entry: z.ZodType<T>;
  /** What tells one entry from another. */
  readonly idOf: (entry: T) => number | string;
  readonly query?: Readonly<Record<string, string>>;
}

/** The most that the API gives at once; it is 20 where nothing is asked for. */
const PER_PAGE = '200';
/** A list without an end is a broken answer. */
const MAX_PAGES = 100;

/** All pages of a list. Any page that cannot be read is an error. */
export async function listAll<T>(
  client: Pick<DoClient, 'get'>,
  { path, key, entry, idOf, query = {} }: Collection<T>,
  { lane, signal }: Asking,
): Promise<Page<T>> {
  const answer = z.object({ [key]: z.array(z.unknown()), links: z.unknown(), meta: z.unknown() });
  const found = new Map<number | string, T>();
  const totals = new Set<number>();
  let unreadable = 0;
  let next: string | undefined = `${path}?${new URLSearchParams({ ...query, per_page: PER_PAGE }).toString()}`;
  for (let pages = 0; next !== undefined && pages < MAX_PAGES; pages++) {
    const doing = `list ${path.slice(1)}`;
    const value: Record<string, unknown> = await client.get({ doing, path: next, answer, lane, signal });
    for (const each of value[key] as unknown[]) {
      const parsed = entry.safeParse(each);
      if (parsed.success) found.set(idOf(parsed.data), parsed.data);
      else unreadable++;
    }
    const told = meta.safeParse(value['meta']);
    if (told.success) totals.add(told.data.total);
    next = following(links.safeParse(value['links']).data?.pages?.next, path);
  }
  // Pages are counted anew for each call: a deletion between two of them moves an entry onto the page that was read already.
  const steady = totals.size === 0 || (totals.size === 1 && totals.has(found.size + unreadable));
  return { complete: unreadable === 0 && next === undefined && steady, entries: [...found.values()] };
}

/**
 * The next page, asked for where this target asks everything: links name the public host, whatever stands between. One that leads
 * to another list is refused, and not followed.
 */
function following(link: string | null | undefined, path: string): string | undefined {
  if (link === undefined || link === null || link === '') return undefined;
  const url = URL.canParse(link) ? new URL(link) : undefined;
  if (url?.pathname.endsWith(path) === true && url.searchParams.has('page')) return `${path}${url.search}`;
  throw new ProvisionerError('retry', `The list ${path} goes on at an address that is not of this list`);
}
