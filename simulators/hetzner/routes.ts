import type { Endpoint } from './call.ts';
import { ENDPOINTS } from './endpoints/index.ts';

export interface Route {
  /** Method and path as documented: `GET /servers/{id}`. */
  readonly call: string;
  /** Undefined when the path is served, and not by this method. */
  readonly endpoint: Endpoint | undefined;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly id: number;
  readonly actionId: number;
}

const BY_CALL: ReadonlyMap<string, Endpoint> = new Map(ENDPOINTS.map((endpoint) => [endpoint.call, endpoint]));
const PATHS: ReadonlySet<string> = new Set(ENDPOINTS.map(({ call }) => call.slice(call.indexOf(' ') + 1)));

export const CALLS: ReadonlySet<string> = new Set(BY_CALL.keys());

/** Undefined when there is no such path at all. */
export function readRoute(method: string, target: string): Route | undefined {
  const at = target.indexOf('?');
  const path = at < 0 ? target : target.slice(0, at);
  if (!path.startsWith('/v1/')) return undefined;
  const numbers: number[] = [];
  const template = path.slice(3).replace(/(?<=\/)\d{1,16}(?=\/|$)/g, (digits) => {
    numbers.push(Number(digits));
    return numbers.length === 1 ? '{id}' : '{action_id}';
  });
  if (!PATHS.has(template)) return undefined;
  const [id = 0, actionId = 0] = numbers;
  const call = `${method} ${template}`;
  const query = new URLSearchParams(at < 0 ? '' : target.slice(at + 1));
  return { call, endpoint: BY_CALL.get(call), path, query, id, actionId };
}
