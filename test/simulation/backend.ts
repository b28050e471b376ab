import type { ScriptOrder, ScriptRun, ScriptState } from '../../simulators/sandbox/scripts.ts';
import type { AgentId } from '../../src/ports/ids.ts';
import type { PluginDeps, Provisioner } from '../../src/provisioner/index.ts';
import type { SeededRandom } from './seeded-random.ts';
import type { BackendCall, BackendTrouble } from './story.ts';

/** A machine as it really is, whoever made it. */
export interface SeenMachine {
  readonly id: string;
  /** By its stamp, as the machine itself carries it. */
  readonly contract: string | undefined;
  readonly agent: AgentId | undefined;
  readonly state: 'creating' | 'stopped' | 'starting' | 'running' | 'stopping' | 'deleting' | 'failed';
  /** `host:port` where its SSH server is or will be. */
  readonly door: string | undefined;
  readonly keys: readonly string[];
  /** Whether this, or none, is the login user's password. */
  hasPassword(password: string | undefined): boolean;
  /** Of its keys, those that a document gave a last day: an agent's way in. */
  readonly limitedKeys?: readonly string[];
  /** What was run in it, oldest first. */
  readonly scripts?: readonly ScriptRun[];
  readonly forged?: true;
  /** How its cloud-init stands, where it has one. */
  readonly cloudInit?: 'running' | 'done' | 'failed';
}

/** What answers at a door. */
export interface Answering {
  readonly ready: boolean;
  readonly hostKey: string;
  readonly keys: readonly string[];
}

/** A port call of a process that may die before or after it. */
export type Gate = <Args extends unknown[], Result>(
  call: (...args: Args) => Promise<Result>,
) => (...args: Args) => Promise<Result>;

export interface Client {
  readonly deps: PluginDeps;
  readonly gate: Gate;
  readonly latencyMs: number;
  /** Told of every fault as it strikes this client. */
  onFault(fault: string): void;
  /** Told when a machine is asked for, before anything can happen to the request. */
  onCreate(contract: string): void;
}

/** A backend that agents share: its simulator's logic without sockets, and what a story may do to it. */
export interface Backend {
  readonly type: string;
  /** What its plugin does not offer: nobody waits for that. */
  readonly cannot?: ReadonlySet<'keys' | 'passwords'>;
  /** Its machines are reached through ports of the agent's host. */
  readonly behindHost?: true;
  /** Gives a machine another private address, as a DHCP server may. */
  readdress?(id: string): void;
  /** The private address of a machine. */
  addressOf?(id: string): string;
  /** The one that the next machine gets. */
  freeAddress?(): string;
  /** From now on a machine's guest says that it has this address, and the plugin believes it. */
  lie?(id: string, address: string): void;
  beHonest?(id: string): void;
  /** The real plugin on it, for one process of one host. */
  open(client: Client): Provisioner;
  /** Told before of what is sold on it, where the plugin has to know that. */
  serve?(offering: string): void;
  machines(): readonly SeenMachine[];
  answersAt(host: string, port: number): Answering | undefined;
  /** Told of every change of a machine. */
  onChange(listener: (machine: SeenMachine) => void): void;
  /** Arms a trouble for calls of whatever client. */
  addTrouble(call: BackendCall, trouble: BackendTrouble, skip: number, times: number): void;
  clearTroubles(): void;
  /** What somebody who is logged in can do in the machine behind a door; absent where machines are not played that far. */
  readonly guest?: {
    script(host: string, port: number, order: ScriptOrder): ScriptState | undefined;
    dropKey(host: string, port: number, key: string): void;
    cloudInit(host: string, port: number): SeenMachine['cloudInit'];
  };
  /** From now on another one answers in a machine's place. */
  forge?(id: string): void;
  setReachable(reachable: boolean): void;
  /** The power of the host is gone: every machine is off, whoever's it is, and nobody answers until `nodeUp`. */
  nodeDown(): void;
  nodeUp(): void;
  powerOff(id: string): void;
  lose(id: string): void;
  giveIdToStranger(id: string): void;
  /** Somebody else's machine with a name like ours. Returns its id. */
  addStranger(): string;
}

export interface BackendOptions {
  readonly createMs: number;
  readonly bootMs: number;
  readonly maxMachines: number;
  readonly reuseIds: boolean;
  /** A trouble for this call, now and then, while the weather is bad. */
  readonly storm: (trouble: (random: SeededRandom) => BackendTrouble) => BackendTrouble | undefined;
}
