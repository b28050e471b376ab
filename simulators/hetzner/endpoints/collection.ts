import { notFound, type Reply } from '../api.ts';
import type { Call, Endpoint } from '../call.ts';
import type { Cloud } from '../cloud.ts';
import { matching, page, type Row } from '../listing.ts';

interface Collection<T extends Row> {
  /** `/ssh_keys` */
  readonly path: string;
  readonly one: string;
  readonly many: string;
  readonly sortBy: Readonly<Record<string, (row: T) => string | number>>;
  rows(cloud: Cloud): Iterable<T>;
  view(cloud: Cloud, row: T): object;
  /** What its list filters by beyond name and labels. */
  readonly filter?: (query: URLSearchParams) => (row: T) => boolean;
}

/** The two calls that every kind of thing has: its list, page by page, and one of it. */
export function reading<T extends Row>(kind: Collection<T>): Endpoint[] {
  return [
    {
      call: `GET ${kind.path}`,
      handle({ cloud, query, path }: Call): Reply {
        const wanted = kind.filter?.(query) ?? ((): boolean => true);
        const rows = matching(kind.rows(cloud), query).filter((row) => wanted(row));
        const view = (row: T): object => kind.view(cloud, row);
        return page({ key: kind.many, rows, query, path, sortBy: kind.sortBy, view });
      },
    },
    {
      call: `GET ${kind.path}/{id}`,
      handle({ cloud, id }: Call): Reply {
        for (const row of kind.rows(cloud)) {
          if (row.id === id) return { status: 200, body: { [kind.one]: kind.view(cloud, row) } };
        }
        throw notFound(kind.one);
      },
    },
  ];
}

export function existing<T>(rows: ReadonlyMap<number, T>, id: number, what: string): T {
  const row = rows.get(id);
  if (row === undefined) throw notFound(what);
  return row;
}
