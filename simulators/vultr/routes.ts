import type { Endpoint } from './call.ts';
import { instanceEndpoints } from './endpoints/instances.ts';
import { thingEndpoints } from './endpoints/things.ts';

export interface Route {
  /** Method and path as documented: `GET /instances/{id}`. */
  readonly call: string;
  /** Undefined when the path is served, and not by this method. */
  readonly endpoint: Endpoint | undefined;
  readonly query: URLSearchParams;
  readonly id: string;
}

/** Everything that is served. */
const ENDPOINTS: readonly Endpoint[] = [...instanceEndpoints, ...thingEndpoints];
const BY_CALL: ReadonlyMap<string, Endpoint> = new Map(ENDPOINTS.map((endpoint) => [endpoint.call, endpoint]));
const PATHS: ReadonlySet<string> = new Set(ENDPOINTS.map(({ call }) => call.slice(call.indexOf(' ') + 1)));

export const CALLS: ReadonlySet<string> = new Set(BY_CALL.keys());

/** Undefined when there is no such path at all. */
export function readRoute(method: string, target: string): Route | undefined {
  const at = target.indexOf('?');
  const path = at < 0 ? target : target.slice(0, at);
  if (!path.startsWith('/v2/')) return undefined;
  const [collection = '', id, ...rest] = path.slice(4).split('/');
  // A word in the place of an id may be a path of its own.
  const isWord = PATHS.has(path.slice(3));
  const template = isWord ? path.slice(3) : ['', collection, ...(id === undefined ? [] : ['{id}', ...rest])].join('/');
  if (!PATHS.has(template)) return undefined;
  const call = `${method} ${template}`;
  const query = new URLSearchParams(at < 0 ? '' : target.slice(at + 1));
  return { call, endpoint: BY_CALL.get(call), query, id: isWord ? '' : (id ?? '') };
}
