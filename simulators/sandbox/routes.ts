import type { CallName, SandboxRequest } from './api.ts';

export interface Route {
  readonly call: CallName;
  readonly machine: string | undefined;
  readonly query: URLSearchParams;
}

const FIXED: Readonly<Record<string, CallName>> = {
  'GET /about': 'about',
  'POST /machines': 'create',
  'GET /machines': 'list',
  'GET /inventory': 'inventory',
  'GET /traffic': 'traffic',
};

const OF_MACHINE: Readonly<Record<string, CallName>> = {
  'GET ': 'get',
  'PUT config': 'configure',
  'POST start': 'start',
  'POST stop': 'stop',
  'POST script': 'script',
  'DELETE ': 'delete',
};

/** Undefined when the sandbox has no such call. */
export function readRoute({ method, path }: SandboxRequest): Route | undefined {
  const at = path.indexOf('?');
  const plain = at < 0 ? path : path.slice(0, at);
  const query = new URLSearchParams(at < 0 ? '' : path.slice(at + 1));
  const fixed = Object.hasOwn(FIXED, `${method} ${plain}`) ? FIXED[`${method} ${plain}`] : undefined;
  if (fixed) return { call: fixed, machine: undefined, query };
  const parts = /^\/machines\/([A-Za-z0-9-]+)(?:\/(config|start|stop|script))?$/.exec(plain);
  const name = `${method} ${parts?.[2] ?? ''}`;
  const call = parts && Object.hasOwn(OF_MACHINE, name) ? OF_MACHINE[name] : undefined;
  return call && { call, machine: parts?.[1], query };
}
