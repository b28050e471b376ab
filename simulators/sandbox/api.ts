/**
 * The sandbox's wire: a small hypervisor API, made up, with the habits of real ones. Making, starting and deleting are
 * accepted first and done later, names need not be unique, ids may come back, and an answer can be lost.
 */

/** One call as it arrives; `body` is JSON text. */
export interface SandboxRequest {
  readonly method: string;
  /** With its query. */
  readonly path: string;
  readonly body?: string;
}

/** What the caller's transport must do with the answer. `refuse` = as if nobody listened, so provably not processed. */
export type Delivery = 'answer' | 'drop' | 'refuse' | 'truncate' | 'hang';

export interface SandboxAnswer {
  readonly status: number;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly delivery: Delivery;
  /** Wait this long before obeying the rest. */
  readonly delayMs: number;
  /** Present when the request is still on its way: after the delay this processes it and gives the true answer. */
  readonly resume?: () => SandboxAnswer;
}

export type CallName =
  | 'about'
  | 'create'
  | 'list'
  | 'get'
  | 'configure'
  | 'start'
  | 'stop'
  | 'delete'
  | 'script'
  | 'inventory'
  | 'traffic';

export type MachineState = 'creating' | 'stopped' | 'starting' | 'running' | 'stopping' | 'deleting' | 'failed';

/** A machine as the API shows it. */
export interface MachineView {
  id: string;
  /** Never reused, unlike the id. A changing call may name it (`?uid=`) and is refused when the id has changed hands. */
  uid: string;
  name: string;
  node: string | null;
  labels: Readonly<Record<string, string>>;
  state: MachineState;
  failure: string | null;
  cpu_cores: number;
  memory_mb: number;
  disk_gb: number;
  authorized_keys: readonly string[];
  /** Where SSH is forwarded from; null until the port is known. */
  ssh: { host: string; port: number } | null;
  /** How its cloud-init stands; null where there is none, or while it is off. */
  cloud_init: 'running' | 'done' | 'failed' | null;
  /** Unix time in ms. */
  created_at: number;
  uptime_ms: number | null;
}

/** Error codes: the exact words a client may rely on. */
export type SandboxErrorCode =
  | 'no_such_machine'
  | 'no_such_path'
  | 'not_that_machine'
  | 'invalid'
  | 'busy'
  | 'name_taken'
  | 'no_capacity'
  | 'too_many_requests'
  | 'internal'
  | 'unavailable';

const HTTP_STATUS: Record<SandboxErrorCode, number> = {
  no_such_machine: 404,
  no_such_path: 404,
  not_that_machine: 412,
  invalid: 422,
  busy: 409,
  name_taken: 409,
  no_capacity: 507,
  too_many_requests: 429,
  internal: 500,
  unavailable: 503,
};

/** A refusal; the core turns it into its HTTP form. */
export class SandboxRefusal extends Error {
  override readonly name = 'SandboxRefusal';
  readonly code: SandboxErrorCode;
  readonly status: number;

  constructor(code: SandboxErrorCode, message: string) {
    super(message);
    this.code = code;
    this.status = HTTP_STATUS[code];
  }
}
