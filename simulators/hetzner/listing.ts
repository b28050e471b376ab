import { invalid, type Reply } from './api.ts';
import { selector } from './labels.ts';
import type { Labels } from './state.ts';

/** What lists filter and sort by. */
export interface Row {
  readonly id: number;
  readonly name?: string | null;
  readonly labels?: Labels;
  readonly created?: number;
}

interface ListInput<T> {
  readonly key: string;
  readonly rows: Iterable<T>;
  readonly query: URLSearchParams;
  /** The request's path without its query, for the `Link` header. */
  readonly path: string;
  readonly sortBy: Readonly<Record<string, (row: T) => string | number>>;
  view(row: T): object;
}

/** Name and label selector, as far as the query has them. An unreadable selector is refused, never ignored. */
export function matching<T extends Row>(rows: Iterable<T>, query: URLSearchParams): T[] {
  const name = query.get('name');
  const labels = query.get('label_selector');
  const holds = labels === null || labels === '' ? undefined : selector(labels);
  if (labels && !holds) throw invalid('label_selector', 'invalid label selector');
  return [...rows].filter((row) => (name === null || row.name === name) && (!holds || holds(row.labels ?? {})));
}

/** Lets through what is among the values of a repeated parameter; all of it when the parameter is absent. */
export function among(query: URLSearchParams, name: string, allowed: readonly string[]): (value: string) => boolean {
  const wanted = query.getAll(name);
  const wrong = wanted.find((value) => !allowed.includes(value));
  if (wrong !== undefined) throw invalid(name, `unknown value '${wrong}'`);
  return (value) => wanted.length === 0 || wanted.includes(value);
}

export const BY_ID = { id: (row: Row): number => row.id };
export const BY_NAME = { ...BY_ID, name: (row: Row): string => row.name ?? '' };
export const BY_CREATED = { ...BY_NAME, created: (row: Row): number => row.created ?? 0 };

const DEFAULT_PER_PAGE = 25;
const MAX_PER_PAGE = 50;

/** One page of a list, sorted by id unless asked otherwise, with `meta.pagination` and the `Link` header. */
export function page<T>({ key, rows, query, path, sortBy, view }: ListInput<T>): Reply {
  const all = sorted([...rows], query, sortBy);
  const perPage = Math.min(MAX_PER_PAGE, positive(query, 'per_page') ?? DEFAULT_PER_PAGE);
  const number = positive(query, 'page') ?? 1;
  const last = Math.max(1, Math.ceil(all.length / perPage));
  const pagination = {
    page: number,
    per_page: perPage,
    previous_page: number > 1 ? number - 1 : null,
    next_page: number < last ? number + 1 : null,
    last_page: last,
    total_entries: all.length,
  };
  const shown = all.slice((number - 1) * perPage, number * perPage);
  const links = (
    [
      [pagination.previous_page, 'prev'],
      [pagination.next_page, 'next'],
      [last, 'last'],
    ] as const
  ).flatMap(([target, rel]) => (target === null ? [] : [link(path, query, target, perPage, rel)]));
  return { status: 200, body: { [key]: shown.map(view), meta: { pagination } }, headers: { link: links.join(', ') } };
}

function link(path: string, query: URLSearchParams, target: number, perPage: number, rel: string): string {
  const parameters = new URLSearchParams(query);
  parameters.set('page', String(target));
  parameters.set('per_page', String(perPage));
  return `<https://api.hetzner.cloud${path}?${parameters.toString()}>; rel="${rel}"`;
}

function sorted<T>(rows: T[], query: URLSearchParams, sortBy: ListInput<T>['sortBy']): T[] {
  const orders = (query.has('sort') ? query.getAll('sort') : ['id']).map((order) => {
    const [field = '', direction = 'asc'] = order.split(':');
    const read = Object.hasOwn(sortBy, field) ? sortBy[field] : undefined;
    if (!read || !['asc', 'desc'].includes(direction)) throw invalid('sort', `unknown value '${order}'`);
    return { read, sign: direction === 'asc' ? 1 : -1 };
  });
  return rows.sort((one, other) => {
    for (const { read, sign } of orders) {
      const [a, b] = [read(one), read(other)];
      if (a !== b) return a < b ? -sign : sign;
    }
    return 0;
  });
}

function positive(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name);
  if (text === null) return undefined;
  if (!/^[1-9][0-9]{0,8}$/.test(text)) throw invalid(name, 'must be a positive integer');
  return Number(text);
}
