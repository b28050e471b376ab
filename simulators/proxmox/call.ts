import type { Clock } from '../../src/ports/clock.ts';
import type { Random } from '../../src/ports/random.ts';
import type { Cluster } from './state.ts';

/** Which daemons are played: pve-manager 8.4.21 or 9.1.7. */
export type Personality = '8.4' | '9.1';

export type Method = 'GET' | 'POST' | 'PUT' | 'DELETE';

/** Who asks: a user by ticket, or one of a user's tokens. `root@pam` by ticket may do what nobody else may. */
export interface Caller {
  readonly user: string;
  /** The token's name, without the user. */
  readonly token?: string;
}

/** One request that was authenticated and whose parameters were checked: path parts and parameters by name, typed. */
export interface Call {
  readonly method: Method;
  /** As registered: `/nodes/{node}/qemu/{vmid}/config`. */
  readonly path: string;
  readonly params: Params;
  readonly caller: Caller;
  readonly pve: Pve;
  /** Has every (or, with `any`, one) of these privileges on the path; throws the 403 of a real host otherwise. */
  require(path: string, privileges: readonly string[], how?: 'any'): void;
  may(path: string, privilege: string): boolean;
}

/** Typed reading of what the checks let through. */
export interface Params {
  has(name: string): boolean;
  text(name: string): string;
  textOr<T>(name: string, otherwise: T): string | T;
  int(name: string): number;
  intOr<T>(name: string, otherwise: T): number | T;
  /** Absent = `otherwise`, which is false. */
  flag(name: string, otherwise?: boolean): boolean;
  list(name: string): readonly string[];
  entries(): readonly (readonly [string, string | number | boolean | readonly string[]])[];
}

/** What an endpoint answers: the value of `data`; a refusal is thrown. */
export interface Endpoint {
  readonly method: Method;
  readonly path: string;
  /** Rules for every parameter it takes, path parts included; a parameter without a rule is refused as a real host does. */
  readonly params: Readonly<Record<string, ParamRule>>;
  /** Open to callers without credentials. */
  readonly open?: true;
  /** Tokens may not call it. */
  readonly noToken?: true;
  /** Exists only in this personality; 501 in the other. */
  readonly only?: Personality;
  handle(call: Call): unknown | Promise<unknown>;
}

/** A parameter as the official schema describes it, as far as checks need it. `pattern` parameters end in `[n]`: `net[n]`. */
export interface ParamRule {
  readonly type: 'string' | 'integer' | 'number' | 'boolean' | 'array';
  readonly optional?: true;
  readonly enum?: readonly string[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly pattern?: RegExp;
  /** A named format of PVE's (`dns-name`, `pve-vmid`, `pve-node`, …): checked by `formats.ts`. */
  readonly format?: string;
}

/** A refusal, in the words of a real host. `reason` is the HTTP reason phrase; `errors` the per-parameter texts. */
export class PveRefusal extends Error {
  readonly status: number;
  readonly errors: Readonly<Record<string, string>> | undefined;

  constructor(status: number, reason: string, errors?: Readonly<Record<string, string>>) {
    super(reason);
    this.status = status;
    this.errors = errors;
  }
}

/** A running task (a worker of pvedaemon). Throwing inside ends it with that text as its exit status. */
export interface TaskContext {
  readonly upid: string;
  log(line: string): void;
  /** Ends it as `WARNINGS: n` when it succeeds. */
  warn(line: string): void;
  /** Waits under the simulator's clock; rejects when the task is stopped. */
  wait(ms: number): Promise<void>;
  readonly stopped: boolean;
}

export interface TaskSpec {
  readonly node: string;
  /** `qmclone`, `qmstart`, `download`, … */
  readonly type: string;
  readonly id: string;
  readonly caller: Caller;
  run(task: TaskContext): Promise<void>;
}

/** What endpoints share: the state, time, tasks, locks. */
export interface Pve {
  readonly personality: Personality;
  readonly cluster: Cluster;
  readonly clock: Clock;
  readonly random: Random;
  readonly timings: Timings;
  /** Starts a worker and returns its UPID at once. */
  task(spec: TaskSpec): string;
  /**
   * Runs `fn` under the exclusive (or shared) lock of that name, waiting at most `waitMs`, then throwing
   * `can't lock file '…' - got timeout` with the path that belongs to the name (`qemu-101`, `storage-local`).
   */
  locked<T>(name: string, how: 'shared' | 'exclusive', waitMs: number, fn: () => Promise<T> | T): Promise<T>;
}

/** How long a host's work takes, in ms, after the recordings; a test or bench may change any of them. */
export interface Timings {
  readonly linkedCloneMs: number;
  /** Per GiB copied. */
  readonly fullCloneMsPerGb: number;
  readonly configMs: number;
  readonly resizeMs: number;
  readonly startMs: number;
  /** From start until the guest agent answers. */
  readonly agentMs: number;
  /** From start until addresses show (never before the agent). */
  readonly addressMs: number;
  readonly stopMs: number;
  readonly shutdownMs: number;
  readonly destroyMs: number;
  readonly downloadMsPerMb: number;
  readonly importMsPerGb: number;
  /** pvestatd's round: how long cluster/resources lags. */
  readonly statdMs: number;
  readonly authFailureMs: number;
}
