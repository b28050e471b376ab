import { type Reply, unprocessable } from './api.ts';
import type { Call } from './call.ts';

const DEFAULT_PER_PAGE = 20;
const MOST_PER_PAGE = 200;
/** What the links begin with, wherever the API is really reached: a proxy, a test, a mirror. */
const PUBLIC = 'https://api.digitalocean.com';

/** One page of a list, with a link to the next one where there is one. */
export function paged({ path, query }: Pick<Call, 'path' | 'query'>, key: string, rows: readonly object[]): Reply {
  const perPage = positive(query.get('per_page'), DEFAULT_PER_PAGE);
  if (perPage > MOST_PER_PAGE) throw unprocessable('per_page must be no more than 200');
  const page = positive(query.get('page'), 1);
  const last = Math.max(1, Math.ceil(rows.length / perPage));
  const link = (to: number): string => {
    const params = new URLSearchParams(query);
    params.set('page', String(to));
    params.set('per_page', String(perPage));
    return `${PUBLIC}${path}?${params.toString()}`;
  };
  const pages = {
    ...(page > 1 ? { first: link(1), prev: link(page - 1) } : {}),
    ...(page < last ? { next: link(page + 1), last: link(last) } : {}),
  };
  return {
    status: 200,
    body: {
      [key]: rows.slice((page - 1) * perPage, page * perPage),
      // A list that fits has an empty `links`, as has been seen.
      links: last > 1 ? { pages } : {},
      meta: { total: rows.length },
    },
  };
}

function positive(text: string | null, standard: number): number {
  if (text === null) return standard;
  if (!/^[1-9]\d{0,8}$/.test(text)) throw unprocessable('page and per_page must be positive numbers');
  return Number(text);
}
