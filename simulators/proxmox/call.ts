import type { Clock } from '../../src/ports/clock.ts';
import type { Random } from '../../src/ports/random.ts';
import type { Cluster, GuestDriver } from './state.ts';
import type { Downloads } from './storage/downloads.ts';
import type { Tasks } from './tasks.ts';
import type { Timings } from './timings.ts';

/** Which daemons are played: pve-manager 8.4.21 or 9.1.7. */
export type Personality = '8.4' | '9.1';

export type { Timings };

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
  /** The file of a multipart request. */
  readonly upload?: Uint8Array;
  /** Has every (or, with `any`, one) of these privileges on the path; throws the 403 of a real host otherwise. */
  require(path: string, privileges: readonly string[], how?: 'any'): void;
  may(path: string, privilege: string): boolean;
}

/** Typed reading of what the checks let through. Asking for what is not there, or is of another type, is a mistake of the endpoint. */
export interface Params {
  has(name: string): boolean;
  text(name: string): string;
  textOr<T>(name: string, otherwise: T): string | T;
  int(name: string): number;
  intOr<T>(name: string, otherwise: T): number | T;
  /** Absent = `otherwise`, which is false. */
  flag(name: string, otherwise?: boolean): boolean;
  /** An array, or a string cut at blanks, commas, semicolons and zero bytes as PVE cuts its lists. */
  list(name: string): readonly string[];
  entries(): readonly (readonly [string, ParamValue])[];
}

export type ParamValue = string | number | boolean | readonly string[];

/** What an endpoint answers: the value of `data`; a refusal is thrown. */
export interface Endpoint {
  readonly method: Method;
  readonly path: string;
  /** Rules for every parameter it takes, path parts included; a parameter without a rule is refused as a real host does. */
  readonly params: Readonly<Record<string, ParamRule>>;
  /** Who may call it at all; asked *before* the parameters are checked. Absent: `root@pam` only. */
  readonly permission?: Permission;
  /** Done by pvedaemon (root), one request at a time per worker; everything that changes something is. */
  readonly protected?: true;
  /** Open to callers without credentials. */
  readonly open?: true;
  /** Tokens may not call it. */
  readonly noToken?: true;
  /** Exists only in this personality; 501 in the other. */
  readonly only?: Personality;
  /** Changes nothing in the cluster's file system although it is no GET, so it works without quorum. */
  readonly quorum?: 'not-needed';
  handle(call: Call): unknown;
}

/** `all`: whoever is known. `world`: also who is not. Paths hold parameters: `/vms/{vmid}`. */
export type Permission = 'all' | 'world' | Check;

export type Check =
  | readonly ['perm', path: string, privileges: readonly string[], how?: 'any']
  /** Counts only when the named parameter is given. */
  | readonly ['perm-if', parameter: string, path: string, privileges: readonly string[]]
  /** May hand out rights on the path of that parameter. */
  | readonly ['perm-modify', path: string]
  /** The `userid` parameter is the caller, or the caller may make users in its realm. */
  | readonly ['userid-param', 'self' | 'Realm.AllocateUser']
  /** On a group of the `userid` parameter, or on all groups. */
  | readonly ['userid-group', privileges: readonly string[]]
  | readonly ['and' | 'or', ...Check[]];

/** A parameter as the official schema describes it, as far as checks need it. Numbered parameters are named `net[n]`. */
export interface ParamRule {
  readonly type: 'string' | 'integer' | 'number' | 'boolean' | 'array';
  readonly optional?: true;
  readonly enum?: readonly string[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  /** Matched against the whole value, as in PVE. */
  readonly pattern?: RegExp;
  /** A named format of PVE's (`dns-name`, `pve-vmid`, `pve-node`, …): checked by `formats.ts`. */
  readonly format?: string;
  /** A property string (`virtio=MAC,bridge=vmbr0`): what may stand in it. */
  readonly properties?: PropertyRules;
  /** A check of its own, after all others; returns the text of the error, without the parameter's name. */
  readonly check?: (value: string, personality: Personality) => string | undefined;
  /** Must not come without this other parameter. */
  readonly requires?: string;
  /** How many numbered parameters there are: `net[n]` with 32 knows net0 to net31. */
  readonly count?: number;
  /** Known in this personality only. */
  readonly only?: Personality;
  /** What differs in one personality. */
  readonly in?: Readonly<Partial<Record<Personality, Partial<ParamRule>>>>;
}

export type PropertyRules = Readonly<Record<string, PropertyRule>>;

export interface PropertyRule extends ParamRule {
  /** The value without a key belongs to it. */
  readonly isDefault?: true;
  /** Written under this name it means the property `alias` (the models of a network device mean `macaddr`). */
  readonly alias?: string;
  /** Where the name that an alias was written under is kept (`model`). */
  readonly keyAlias?: string;
}

/**
 * A refusal, in the words of a real host. `reason` is the HTTP reason phrase; `errors` the per-parameter texts. The body's
 * `message` is the reason and a line break, as Perl's `die` has it, except for the refusals that are no `die` (501).
 */
export class PveRefusal extends Error {
  override readonly name = 'PveRefusal';
  readonly status: number;
  readonly errors: Readonly<Record<string, string>> | undefined;

  constructor(status: number, reason: string, errors?: Readonly<Record<string, string>>) {
    super(reason);
    this.status = status;
    this.errors = errors;
  }
}

/** What a list endpoint answers when the host tells the number of all rows beside those it shows. */
export class Rows {
  readonly data: readonly unknown[];
  readonly total: number;

  constructor(data: readonly unknown[], total: number) {
    this.data = data;
    this.total = total;
  }
}

/** 400 with the texts of the parameters that are wrong. */
export function badParameters(errors: Readonly<Record<string, string>>): PveRefusal {
  return new PveRefusal(400, 'Parameter verification failed.', errors);
}

/** Perl's `die` inside an API call. */
export function died(text: string): PveRefusal {
  return new PveRefusal(500, text);
}

/** 403; `what` is `PATH, PRIVILEGE` where the host tells it. */
export function forbidden(what?: string): PveRefusal {
  return new PveRefusal(403, what === undefined ? 'Permission check failed' : `Permission check failed (${what})`);
}

/** A running task (a worker of pvedaemon). Throwing inside ends it with that text as its exit status. */
export interface TaskContext {
  readonly upid: string;
  log(line: string): void;
  /** Ends it as `WARNINGS: n` when it succeeds. */
  warn(line: string): void;
  /** Waits under the simulator's clock; rejects when the task is stopped, or its worker dies. */
  wait(ms: number): Promise<void>;
  /** Somebody asked it to stop. It undoes what it did, and throws; throwing the signal's own reason ends it without a status. */
  readonly stopped: boolean;
  /** The worker is gone, with its node or by a fault: nothing is undone, and what it left half-done stays so. */
  readonly killed: boolean;
  readonly signal: AbortSignal;
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
  /** Gives machines an inside; absent, they are names and numbers only. */
  readonly driver?: GuestDriver;
  /** Starts a worker and returns its UPID at once. The worker's first step runs later, never inside this call. */
  task(spec: TaskSpec): string;
  /** Resolves with the exit status once the task has ended. */
  taskEnd(upid: string): Promise<string>;
  /** Stops a task that runs; its `wait` and `signal` tell it. */
  stopTask(upid: string): void;
  /**
   * Runs `fn` under the exclusive (or shared) lock of that name, waiting at most `waitMs`, then throwing
   * `can't lock file '…' - got timeout` with the path that belongs to the name (`qemu-101`, `storage-local`).
   * `log` gets the lines that a task writes while it waits.
   */
  locked<T>(
    name: string,
    how: 'shared' | 'exclusive',
    waitMs: number,
    fn: () => Promise<T> | T,
    log?: (line: string) => void,
  ): Promise<T>;
  /** The task list, as the API shows it. */
  readonly tasks: Tasks;
  /** What download-url finds behind an address, where the test said so. */
  readonly downloads?: Downloads;
  /** See `Authenticator.login`. */
  login(user: string, password: string): { readonly ticket: string; readonly csrf: string } | undefined;
  /** Everything somebody may do on a path; true: also below it. */
  on(caller: Caller, path: string): ReadonlyMap<string, boolean>;
  /** Rights of anybody, not only of the caller; throws the 403 of a real host. */
  require(caller: Caller, path: string, privileges: readonly string[], how?: 'any'): void;
  may(caller: Caller, path: string, privilege: string): boolean;
}
