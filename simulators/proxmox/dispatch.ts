import type { Authenticator } from './access/authenticate.ts';
import { type CheckContext, checkPermission } from './access/checks.ts';
import type { Rights } from './access/rights.ts';
import { bare, type ErrorTexts, type PveAnswer, refused, success } from './answers.ts';
import { parseForm, parseJson, type RawParams } from './body.ts';
import { type Call, type Caller, type Endpoint, type Method, type Pve, PveRefusal } from './call.ts';
import type { PveRequest } from './core.ts';
import { parseMultipart } from './multipart.ts';
import { checkParams } from './params.ts';
import { createRouter, isMethod, type Route } from './routes.ts';
import { createWorkers } from './workers.ts';

const PREFIX = '/api2/json';
/** pveproxy waits so long for a node that does not answer. */
const NO_HOST_MS = 3_000;

/** What one node's pveproxy does with a request, and pvedaemon behind it: from the HTTP layer down to the endpoint. */
export function createDispatcher(input: {
  readonly pve: Pve;
  readonly rights: Rights;
  readonly authenticator: Authenticator;
  readonly endpoints: readonly Endpoint[];
  readonly errorTexts: ErrorTexts;
}): (request: PveRequest, entry: string) => Promise<PveAnswer> {
  const { pve, rights, authenticator, errorTexts } = input;
  const { cluster, clock, personality } = pve;
  const route = createRouter(input.endpoints, personality);
  const workers = createWorkers(clock);
  const open = new Set(input.endpoints.filter((one) => one.open).map(({ method, path }) => `${method} ${path}`));

  async function answer(request: PveRequest, entry: string): Promise<PveAnswer> {
    const url = new URL(request.path, 'https://pve');
    const { method } = request;
    if (!isMethod(method)) return bare(501, `Method '${method}' not implemented`);
    if (method === 'DELETE' && request.body !== undefined && request.body.length > 0) {
      const text = `Unexpected content for method 'DELETE'`;
      return bare(501, text, text);
    }
    if (!url.pathname.startsWith(`${PREFIX}/`)) return bare(404, 'no such file');
    const path = decoded(url.pathname.slice(PREFIX.length));
    // Nobody is asked who he is there, not even by a cookie that he brings and that is too old.
    const isOpen = open.has(`${method} ${path}`);
    const caller = isOpen ? { user: 'nobody' } : authenticator.identify(method, request.headers);
    const { raw, upload } = readParams(request, url);
    const found = /\s/.test(path) ? undefined : route(method, path);
    if (!found) throw new PveRefusal(501, `Method '${method} ${path}' not implemented`);
    return run(found, raw, { caller, method, entry, upload });
  }

  async function run(
    { endpoint, parts }: Route,
    raw: RawParams,
    { caller, method, entry, upload }: Arrival,
  ): Promise<PveAnswer> {
    for (const [name, value] of parts) {
      if (raw.has(name)) throw new PveRefusal(400, `Parameter verification failed - duplicate parameter '${name}'`);
      raw.set(name, value);
    }
    if (endpoint.noToken && caller.token !== undefined) throw new PveRefusal(403, 'Permission check failed');
    const context: CheckContext = { caller, raw, rights, cluster };
    checkPermission(endpoint.permission, context);
    const target = await targetNode(endpoint, raw, entry);
    if (typeof target !== 'string') return target;
    if (upload && target !== entry) throw new PveRefusal(501, 'unable to proxy file uploads');
    const act = async (): Promise<unknown> => {
      const params = checkParams(endpoint.params, raw, personality);
      if (!cluster.quorate && needsQuorum(endpoint)) throw new PveRefusal(500, 'cluster not ready - no quorum?');
      const call: Call = {
        method,
        path: endpoint.path,
        params,
        caller,
        pve,
        ...(upload ? { upload } : {}),
        require: (path, privileges, how) => rights.require(caller, path, privileges, how),
        may: (path, privilege) => rights.may(caller, path, privilege),
      };
      return endpoint.handle(call);
    };
    if (!endpoint.protected) return success(await act(), target === entry ? 'pveproxy' : 'pvedaemon');
    const outcome = await workers.run(target, act);
    return outcome === 'gave up' ? bare(596, 'Broken pipe') : success(outcome.done, 'pvedaemon');
  }

  /** Calls on a node's things are handed on to that node, if there is one and it is up. */
  async function targetNode(endpoint: Endpoint, raw: RawParams, entry: string): Promise<string | PveAnswer> {
    const name = raw.get('node');
    if (!endpoint.path.startsWith('/nodes/{node}/') || typeof name !== 'string') return entry;
    if (name === 'localhost') {
      raw.set('node', entry);
      return entry;
    }
    const node = cluster.nodes.get(name);
    if (!node) {
      const why = `failed to get address info for: ${name}: Temporary failure in name resolution`;
      throw new PveRefusal(500, `hostname lookup '${name}' failed - ${why}`);
    }
    if (node.online) return name;
    await new Promise<void>((resolve) => void clock.after(NO_HOST_MS, resolve));
    return bare(595, 'No route to host');
  }

  return async (request, entry) => {
    try {
      return await answer(request, entry);
    } catch (error) {
      if (!(error instanceof PveRefusal)) throw error;
      if (error.status === 401 && error.message !== 'authentication failure') return bare(401, error.message);
      return refused(error, errorTexts);
    }
  };
}

/** As Perl's URI does it: an escape that is none stays as it is. */
function decoded(path: string): string {
  return path.replace(/(?:%[0-9a-f]{2})+/gi, (escapes) =>
    Buffer.from(escapes.replaceAll('%', ''), 'hex').toString('utf8'),
  );
}

/** Writes go to the cluster's file system, and that is read-only without quorum. */
function needsQuorum({ method, protected: isProtected, quorum }: Endpoint): boolean {
  return method !== 'GET' && isProtected === true && quorum !== 'not-needed';
}

interface Arrival {
  readonly caller: Caller;
  readonly method: Method;
  /** The node that was asked. */
  readonly entry: string;
  readonly upload: Uint8Array | undefined;
}

function readParams(
  { method, headers, body }: PveRequest,
  url: URL,
): { readonly raw: RawParams; readonly upload?: Uint8Array | undefined } {
  if (method === 'GET' || method === 'DELETE') return { raw: parseForm(url.search.slice(1)) };
  const type = headers['content-type'] ?? '';
  const bytes = typeof body === 'string' ? Buffer.from(body) : Buffer.from(body ?? []);
  if (bytes.length === 0) return { raw: new Map() };
  if (type.startsWith('application/json')) return { raw: parseJson(bytes.toString('utf8')) };
  if (type.startsWith('multipart/form-data')) {
    const { params, file } = parseMultipart(bytes, type);
    return { raw: params, upload: file };
  }
  if (type === '' || type.startsWith('application/x-www-form-urlencoded')) {
    return { raw: parseForm(bytes.toString('utf8')) };
  }
  throw new PveRefusal(500, `got unsupported content type '${type}'`);
}
