import { type Reply, VultrRefusal } from './api.ts';

const DEFAULT_PER_PAGE = 100;
const MAX_PER_PAGE = 500;

/** One page of a list. A cursor names the last entry of the page before it, so that nothing moves when others come and go. */
export function page<T>(
  key: string,
  rows: readonly T[],
  query: URLSearchParams,
  { idOf, view }: { idOf(row: T): string; view(row: T): object },
): Reply {
  const perPage = Math.min(MAX_PER_PAGE, positive(query) ?? DEFAULT_PER_PAGE);
  const cursor = query.get('cursor') ?? '';
  const after = cursor === '' ? -1 : rows.findIndex((row) => toCursor(idOf(row)) === cursor);
  // The entry that the cursor names is gone: the real API goes on behind where it was, which is not known here.
  if (cursor !== '' && after < 0) throw new VultrRefusal(400, 'Invalid cursor.');
  const shown = rows.slice(after + 1, after + 1 + perPage);
  const last = shown.at(-1);
  const more = last !== undefined && after + 1 + perPage < rows.length;
  const links = { next: more ? toCursor(idOf(last)) : '', prev: cursor === '' ? '' : cursor };
  return { status: 200, body: { [key]: shown.map(view), meta: { total: rows.length, links } } };
}

function toCursor(id: string): string {
  return Buffer.from(`next__${id}`).toString('base64');
}

function positive(query: URLSearchParams): number | undefined {
  const text = query.get('per_page');
  if (text === null) return undefined;
  if (!/^[1-9][0-9]{0,8}$/.test(text)) throw new VultrRefusal(400, 'Invalid per_page.');
  return Number(text);
}
