import type { Endpoint, Method, Personality } from './call.ts';

export interface Route {
  readonly endpoint: Endpoint;
  /** Path parts by name, decoded. */
  readonly parts: ReadonlyMap<string, string>;
}

export type Router = (method: string, path: string) => Route | undefined;

/** Finds the endpoint of a path below `/api2/json`; fixed parts win over named ones, as in PVE's tree of handlers. */
export function createRouter(endpoints: readonly Endpoint[], personality: Personality): Router {
  const byMethod = new Map<string, { endpoint: Endpoint; pattern: readonly string[] }[]>();
  for (const endpoint of endpoints) {
    if (endpoint.only !== undefined && endpoint.only !== personality) continue;
    const list = byMethod.get(endpoint.method) ?? [];
    byMethod.set(endpoint.method, list);
    list.push({ endpoint, pattern: endpoint.path.split('/').slice(1) });
  }
  for (const list of byMethod.values()) list.sort((a, b) => namedParts(a.endpoint) - namedParts(b.endpoint));
  return (method, path) => {
    const parts = path.split('/').slice(1);
    for (const { endpoint, pattern } of byMethod.get(method) ?? []) {
      const found = match(pattern, parts);
      if (found) return { endpoint, parts: found };
    }
    return undefined;
  };
}

export function isMethod(text: string): text is Method {
  return text === 'GET' || text === 'POST' || text === 'PUT' || text === 'DELETE';
}

function namedParts({ path }: Endpoint): number {
  return path.split('{').length;
}

function match(pattern: readonly string[], parts: readonly string[]): Map<string, string> | undefined {
  // Volume ids hold slashes: the last named part of such a path takes the rest.
  if (pattern.at(-1) === '{volume}' && parts.length > pattern.length) {
    const last = pattern.length - 1;
    return match(pattern, [...parts.slice(0, last), parts.slice(last).join('/')]);
  }
  if (pattern.length !== parts.length) return undefined;
  const found = new Map<string, string>();
  for (const [index, wanted] of pattern.entries()) {
    const part = parts[index];
    if (part === undefined || part === '') return undefined;
    const name = /^\{(.+)\}$/.exec(wanted)?.[1];
    if (name === undefined && wanted !== part) return undefined;
    if (name !== undefined) found.set(name, part);
  }
  return found;
}
