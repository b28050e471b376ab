import type { z } from 'zod';
import { type Clock, type ErrorKind, ProvisionerError } from '../../src/provisioner/index.ts';
import {
  about,
  inventory,
  type Machine,
  machineList,
  machine as machineSchema,
  refusal,
  type SandboxSettings,
  type ScriptState,
  scriptState,
  traffic,
} from './schema.ts';
import type { SandboxRequest, SandboxResponse, SandboxTransport } from './transport.ts';

export interface NewMachine {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly cpu_cores: number;
  readonly memory_mb: number;
  readonly disk_gb: number;
}

export interface NewScript {
  readonly id: string;
  readonly content: string;
  readonly limit_seconds: number;
}

/** What is absent stays as it is. */
export interface MachineConfig {
  readonly hostname?: string;
  readonly authorized_keys?: readonly string[];
  readonly root_password?: string;
  readonly host_key?: string;
  readonly user_data?: string;
}

export interface MachineList {
  /** False when the sandbox said so, or when an entry could not be read. */
  readonly complete: boolean;
  readonly machines: readonly Machine[];
}

/** What became of a changing call. `absent` and `busy` changed nothing: look at the machine again. */
export type Acceptance = 'accepted' | 'absent' | 'busy';

/** The sandbox's calls, answers parsed and errors sorted into kinds. Nothing is repeated here. */
export interface SandboxClient {
  about(signal: AbortSignal): Promise<void>;
  list(label: readonly [name: string, value: string], signal: AbortSignal): Promise<MachineList>;
  /** Undefined only when the sandbox said, in its own words, that there is no such machine. */
  get(id: string, signal: AbortSignal): Promise<Machine | undefined>;
  /** `unknown-outcome` when the answer was lost or made no sense: the machine may exist. */
  create(order: NewMachine, signal: AbortSignal): Promise<Machine | 'name-taken'>;
  configure(machine: Machine, config: MachineConfig, signal: AbortSignal): Promise<Acceptance>;
  /** Begins a script, or tells of the one that was begun under that id. */
  script(machine: Machine, script: NewScript, signal: AbortSignal): Promise<ScriptState | 'absent' | 'busy'>;
  start(machine: Machine, signal: AbortSignal): Promise<Acceptance>;
  stop(machine: Machine, signal: AbortSignal): Promise<Acceptance>;
  remove(machine: Machine, signal: AbortSignal): Promise<Acceptance>;
  inventory(signal: AbortSignal): Promise<z.infer<typeof inventory>>;
  traffic(signal: AbortSignal): Promise<z.infer<typeof traffic>>;
}

type Settings = Pick<SandboxSettings, 'request_timeout_seconds' | 'socket_path'>;

export function createSandboxClient(transport: SandboxTransport, clock: Clock, settings: Settings): SandboxClient {
  const timeoutMs = settings.request_timeout_seconds * 1000;

  async function send(method: SandboxRequest['method'], path: string, signal: AbortSignal, body?: object) {
    const lost: ErrorKind = method === 'POST' && path === '/machines' ? 'unknown-outcome' : 'retry';
    const what = `${method} ${path}`;
    if (signal.aborted) {
      throw new ProvisionerError('retry', `${what} was cancelled before it was sent`, { cause: signal.reason });
    }
    const ending = new AbortController();
    const cancel = clock.after(timeoutMs, () => ending.abort(new Error(`no answer within ${timeoutMs} ms`)));
    // Linked by hand: AbortSignal.any keeps a piece of memory per call for as long as the outer signal lives.
    const onAbort = (): void => ending.abort(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      const response = await transport({
        method,
        path,
        signal: ending.signal,
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      return { response, what, lost };
    } catch (cause) {
      throw connectionError(cause, what, lost, settings.socket_path, signal.aborted);
    } finally {
      cancel();
      signal.removeEventListener('abort', onAbort);
    }
  }

  /** For calls that change one machine, named by id and uid: the sandbox refuses when the id has changed hands. */
  async function change(
    method: 'POST' | 'PUT' | 'DELETE',
    target: Machine,
    verb: string,
    signal: AbortSignal,
    body?: object,
  ) {
    const path = `/machines/${encodeURIComponent(target.id)}${verb}?uid=${encodeURIComponent(target.uid)}`;
    const { response, what } = await send(method, path, signal, body);
    if (response.status >= 200 && response.status < 300) return 'accepted';
    const code = refusalCode(response);
    if (code === 'no_such_machine') return 'absent';
    if (code === 'busy') return 'busy';
    throw statusError(response, what, 'retry');
  }

  async function read<T>(path: string, schema: z.ZodType<T>, signal: AbortSignal): Promise<T> {
    const { response, what } = await send('GET', path, signal);
    if (response.status !== 200) throw statusError(response, what, 'retry');
    return parse(schema, response, what, 'retry');
  }

  return {
    async about(signal) {
      await read('/about', about, signal);
    },
    async list([name, value], signal) {
      const { complete, machines } = await read(
        `/machines?label=${encodeURIComponent(`${name}=${value}`)}`,
        machineList,
        signal,
      );
      const readable = machines.map((entry) => machineSchema.safeParse(entry));
      return {
        complete: complete && readable.every((entry) => entry.success),
        machines: readable.flatMap((entry) => (entry.success ? [entry.data] : [])),
      };
    },
    async get(id, signal) {
      const { response, what } = await send('GET', `/machines/${encodeURIComponent(id)}`, signal);
      // Any other 404 comes from something that is not the sandbox, and says nothing about the machine.
      if (response.status === 404 && refusalCode(response) === 'no_such_machine') return undefined;
      if (response.status !== 200) throw statusError(response, what, 'retry');
      return parse(machineSchema, response, what, 'retry');
    },
    async create(order, signal) {
      const { response, what, lost } = await send('POST', '/machines', signal, order);
      if (response.status === 409 && refusalCode(response) === 'name_taken') return 'name-taken';
      if (response.status !== 201) throw statusError(response, what, lost);
      return parse(machineSchema, response, what, lost);
    },
    configure: (target, config, signal) => change('PUT', target, '/config', signal, config),
    async script(target, script, signal) {
      const path = `/machines/${encodeURIComponent(target.id)}/script?uid=${encodeURIComponent(target.uid)}`;
      const { response, what } = await send('POST', path, signal, script);
      const code = refusalCode(response);
      if (response.status === 404 && code === 'no_such_machine') return 'absent';
      if (code === 'busy') return 'busy';
      if (response.status !== 200) throw statusError(response, what, 'retry');
      return parse(scriptState, response, what, 'retry');
    },
    start: (target, signal) => change('POST', target, '/start', signal),
    stop: (target, signal) => change('POST', target, '/stop', signal),
    remove: (target, signal) => change('DELETE', target, '', signal),
    inventory: (signal) => read('/inventory', inventory, signal),
    traffic: (signal) => read('/traffic', traffic, signal),
  };
}

/** A request that never reached the socket changed nothing, whatever it was. */
function connectionError(cause: unknown, what: string, lost: ErrorKind, socketPath: string, aborted: boolean) {
  const code = typeof cause === 'object' && cause !== null && 'code' in cause ? cause.code : undefined;
  const text = cause instanceof Error ? cause.message : String(cause);
  if (code === 'EACCES' || code === 'EPERM') {
    return new ProvisionerError('config', `the sandbox socket ${socketPath} may not be opened: ${text}`, { cause });
  }
  if (code === 'ECONNREFUSED' || code === 'ENOENT') {
    return new ProvisionerError('retry', `no sandbox answers on ${socketPath}: ${text}`, { cause });
  }
  if (aborted) return new ProvisionerError(lost, `${what} was cancelled`, { cause });
  return new ProvisionerError(lost, `${what} got no complete answer: ${text}`, { cause });
}

/** `lost`: what a server error means, which may have struck before or after the work was done. */
function statusError(response: SandboxResponse, what: string, lost: ErrorKind): ProvisionerError {
  const { status } = response;
  const code = refusalCode(response);
  const message = `${what} was refused: ${status}${code === undefined ? '' : ` ${code}`}`;
  if (status === 429) return new ProvisionerError('throttled', message, retryAfter(response));
  if (code === 'no_capacity') return new ProvisionerError('capacity', message);
  if (code === 'not_that_machine') return new ProvisionerError('not-ours', message);
  if (code === 'invalid') return new ProvisionerError('permanent', message);
  if (status === 401 || status === 403) return new ProvisionerError('config', message);
  if (status >= 500) return new ProvisionerError(lost, message);
  return new ProvisionerError('config', `${message}; is this socket really a sandbox's?`);
}

function retryAfter({ headers }: SandboxResponse): { retryAfterMs?: number } {
  const seconds = Number(headers['retry-after']);
  return Number.isFinite(seconds) && seconds >= 0 ? { retryAfterMs: seconds * 1000 } : {};
}

function refusalCode({ body }: SandboxResponse): string | undefined {
  const parsed = refusal.safeParse(jsonOf(body));
  return parsed.success ? parsed.data.error.code : undefined;
}

function parse<T>(schema: z.ZodType<T>, { body }: SandboxResponse, what: string, lost: ErrorKind): T {
  const parsed = schema.safeParse(jsonOf(body));
  if (parsed.success) return parsed.data;
  const where = parsed.error.issues[0]?.path.join('.') ?? '';
  throw new ProvisionerError(lost, `${what} was answered with something that is not the sandbox's (at "${where}")`);
}

/** Undefined for text that is no JSON; every schema then says no. */
function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
