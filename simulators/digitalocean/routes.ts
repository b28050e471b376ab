import type { Endpoint } from './call.ts';
import { ENDPOINTS } from './endpoints/index.ts';

export interface Route {
  /** Method and path as documented: `GET /droplets/{id}`. */
  readonly call: string;
  /** Undefined when the path is served, and not by this method. */
  readonly endpoint: Endpoint | undefined;
  /** Without the query. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly id: string;
}

const BY_CALL: ReadonlyMap<string, Endpoint> = new Map(ENDPOINTS.map((endpoint) => [endpoint.call, endpoint]));
const TEMPLATES: readonly string[] = [...new Set(ENDPOINTS.map(({ call }) => call.slice(call.indexOf(' ') + 1)))];

export const CALLS: ReadonlySet<string> = new Set(BY_CALL.keys());

/** Undefined when there is no such path at all. */
export function readRoute(method: string, target: string): Route | undefined {
  const at = target.indexOf('?');
  const path = at < 0 ? target : target.slice(0, at);
  if (!path.startsWith('/v2/')) return undefined;
  const parts = path.slice('/v2/'.length).split('/');
  const template =
    TEMPLATES.find((each) => each === path.slice('/v2'.length)) ?? TEMPLATES.find((each) => fits(each, parts));
  if (template === undefined) return undefined;
  const call = `${method} ${template}`;
  const query = new URLSearchParams(at < 0 ? '' : target.slice(at + 1));
  const place = template.slice(1).split('/').indexOf('{id}');
  const id = place < 0 ? '' : decodeURIComponent(parts[place] ?? '');
  return { call, endpoint: BY_CALL.get(call), path, query, id };
}

function fits(template: string, parts: readonly string[]): boolean {
  const wanted = template.slice(1).split('/');
  return wanted.length === parts.length && wanted.every((part, at) => part === '{id}' || part === parts[at]);
}
