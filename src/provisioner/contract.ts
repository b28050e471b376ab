import type { Clock } from '../ports/clock.ts';
import type { AgentId, ContractId, ExternalId, OperationId } from '../ports/ids.ts';
import type { Log } from '../ports/log.ts';
import type { Random } from '../ports/random.ts';
import type { Secret } from '../ports/secret.ts';

/**
 * The plugin contract. A plugin drives one kind of backend and knows nothing of the platform, the ledger or other targets.
 *
 * What every plugin guarantees:
 * - `create` with the same operation id converges: whatever happened to earlier calls, at most one machine exists for it.
 * - Before it starts, stops, changes or destroys anything, it has just read that machine's stamp and found it ours.
 * - "absent" is said only when the backend itself said so in the exact form that means it. Everything else throws.
 * - Every call stops soon after its signal is aborted, and leaves what exists findable by its stamp.
 * - It throws only ProvisionerError; public texts hold nothing private, and no text holds a secret.
 *
 * What it need not do: retry across calls, remember anything outside `Operation.remember`, limit concurrency.
 */
export interface Provisioner {
  readonly capabilities: Capabilities;

  /** Looks at reachability, rights, images and capacity, and changes nothing. For doctor and start-up. */
  check(ctx: CallContext): Promise<Finding[]>;

  /** What is there and what is free. */
  inventory(ctx: CallContext): Promise<Inventory>;

  /** Makes the machine, configures and starts it; resolves when the backend says that it runs and its address is known. */
  create(order: MachineOrder, op: Operation): Promise<Instance>;

  /** The present truth about one machine, found by its external id where known, else by its stamp. */
  observe(ref: OwnedRef, ctx: CallContext): Promise<Observed>;

  /** Removes everything that carries exactly this stamp; resolves when the backend confirmed that nothing is left. */
  destroy(ref: OwnedRef, op: Operation): Promise<void>;

  /**
   * Removes exactly this machine, which carries the same stamp as the one to keep: a second one that a late request made. Verifies
   * the stamp just before. Absent = the backend cannot make two of one name, or cannot tell them apart.
   */
  removeTwin?(twin: ExternalId, keep: OwnedRef, op: Operation): Promise<void>;

  /** Every machine with this agent's stamp, in every power state, with as few calls as the backend allows. */
  list?(ctx: CallContext): Promise<Listing>;
  /** Powers off gently, then hard; keeps disk, addresses and keys. Repeatable. */
  stop?(ref: OwnedRef, op: Operation): Promise<void>;
  /** Powers on; resolves with the machine as it now is. Repeatable. */
  start?(ref: OwnedRef, op: Operation): Promise<Instance>;
  /**
   * Replaces what lets the tenant in by exactly these keys (`type base64`), for the login user of the image, and resolves when the
   * old ones are proven gone. Needs no key of the agent's inside the machine. Repeatable.
   */
  setKeys?(ref: OwnedRef, keys: readonly string[], op: Operation): Promise<void>;
  /** Sets the login user's password inside the machine; never by a command line. Repeatable with the same password. */
  setPassword?(ref: OwnedRef, password: Secret, op: Operation): Promise<{ readonly user: string }>;
  /**
   * For backends that choose passwords themselves: has a new one made and set for the login user, and tells it this once. Asked again,
   * also after an answer that was lost, it makes another. Not used where there is `setPassword`.
   */
  newPassword?(ref: OwnedRef, op: Operation): Promise<{ readonly user: string; readonly password: Secret }>;
  /**
   * Runs a script inside the machine as root, by the backend's own hand, and resolves with how it ended. At most once per operation:
   * a mark in the machine decides, so a later call with the same operation finds the end, or waits for it. Throws `permanent` when it
   * was cut off and cannot be known to have ended. Absent = the agent runs scripts by SSH, where `agentKey` let it in.
   */
  runScript?(ref: OwnedRef, script: GuestScript, op: Operation): Promise<ScriptEnd>;
  /**
   * How cloud-init stands in the machine, by the backend's own hand: one look, in as few calls as it takes, which changes nothing. Asked
   * once a login was seen to be possible, and again until it has ended. Absent = only who logs in can tell.
   */
  cloudInit?(ref: OwnedRef, ctx: CallContext): Promise<CloudInitState>;
  /** Machines that another program made for contracts of this provider and that can be taken over; changes nothing. */
  adoptable?(ctx: CallContext): Promise<readonly Adoptable[]>;
  /** Writes our stamp into one of those, verified just before, and changes nothing else. Repeatable with the same stamp. */
  adopt?(machine: Adoptable, stamp: OwnerStamp, ctx: CallContext): Promise<void>;
  /** Byte counters of every machine of ours. Counters may restart at 0; the caller adds up. */
  traffic?(ctx: CallContext): Promise<TrafficSample[]>;
  /** Frees sockets and timers. Touches no machine. */
  close?(): Promise<void>;
}

/** What is really supported. An optional method that is absent is a refusal, never replaced by something else. */
export interface Capabilities {
  /** Who can tell that a machine is usable: `ssh` = the agent must see a login accepted; `backend` = create's word is enough. */
  readonly readiness: 'ssh' | 'backend';
  /** Why the ordered disk size cannot be enforced; absent when it can. */
  readonly noDiskLimit?: string;
  /** `create` itself runs the offering's post-provision script. */
  readonly recipes?: true;
  /**
   * `create` hands `order.userData` to cloud-init in the machine, as it is, for its first boot: so many bytes at most. It holds the
   * tenant's key, the host key and the agent's own key, so nothing else need put them there.
   */
  readonly userData?: {
    readonly maxBytes: number;
    /** As whom tenants log in; made by cloud-init, and may become root, where the image has no such user. Absent = `root`. */
    readonly user?: string;
  };
  /** `create` sees to it that tenants log in as `order.user`, where the order has one. The setting `ssh_user` is the agent's to read then. */
  readonly loginUser?: true;
  /** The machine shows exactly `order.hostKey` from its first connection on, or `Instance.hostKey` tells which, by no network. */
  readonly hostKey?: true;
  /** `create` gives the machine `order.address`, by the backend's configuration and not by asking the guest. */
  readonly address?: true;
  /**
   * Beside `address` and `userData`: `create` gives the machine's network card `order.network.mac`, and hands `order.network.config` to
   * cloud-init as it is, for its first boot, with these nameservers in it.
   */
  readonly networkConfig?: { readonly nameservers: readonly string[] };
  /** The only offerings that machines are made for here, as the platform calls them; a contract of any other is not even locked. */
  readonly offerings?: readonly string[];
  /** The keys of an order's settings that it reads: a contract with any other is left alone. Absent = whatever an offering says is handed on. */
  readonly settings?: readonly string[];
  /** `observe` knows more of a machine's health than a list: it is asked once per machine and health interval. */
  readonly healthCheck?: true;
  /** `create` mostly waits, for a person and not for the backend: it holds no lane while it does, however many there are. */
  readonly patient?: true;
  /** True when the machines are make-believe; shown wherever such a machine shows. */
  readonly simulated?: true;
}

export interface CallContext {
  readonly signal: AbortSignal;
  readonly log: Log;
}

/** One journalled attempt at a side effect. */
export interface Operation extends CallContext {
  readonly id: OperationId;
  /** 1 for the first attempt, counted across restarts. */
  readonly attempt: number;
  /** True when an earlier attempt's outcome was never learnt: look for the stamp before making anything. */
  readonly outcomeUnknown: boolean;
  /** What earlier attempts remembered. */
  readonly handles: Readonly<Record<string, string>>;
  /** Persists a handle (VMID, task id); durable once it resolves. Call it before relying on the handle. Never for secrets. */
  remember(key: string, value: string): Promise<void>;
}

/** Written into the machine itself, where the backend allows it. */
export interface OwnerStamp {
  readonly agent: AgentId;
  readonly contract: ContractId;
  readonly operation: OperationId;
}

/** A machine of ours. Without an external id the backend never told us one: the stamp is all there is. */
export interface OwnedRef {
  readonly stamp: OwnerStamp;
  readonly externalId?: ExternalId;
  /** What `create` remembered. */
  readonly handles: Readonly<Record<string, string>>;
  /** As whom the tenant was told to log in; absent when nobody was told yet. */
  readonly user?: string;
}

/** What was sold, cleaned and validated. Amounts are absent when the offering does not say. */
export interface MachineOrder {
  readonly stamp: OwnerStamp;
  /** DNS-legal, at most 63 characters, unique per contract. */
  readonly name: string;
  readonly offering: string;
  readonly cpuCores?: number;
  readonly memoryMb?: number;
  readonly storageGb?: number;
  /** The tenant's key as `type base64`, no comment. */
  readonly sshKey: string;
  /** As whom the tenant logs in, where contract or offering says so; see `Capabilities.loginUser`. A Linux user's name. */
  readonly user?: string;
  /** The offering's settings overlaid with the contract's. Tenant-influenced: read only allow-listed keys. */
  readonly settings: Readonly<Record<string, unknown>>;
  /** Only for a plugin whose `create` runs it, see `Capabilities.recipes`. */
  readonly postProvisionScript?: string;
  /** What the machine shall show as its SSH host key, where the backend can see to that: the same for every attempt of an operation. */
  readonly hostKey?: HostKey;
  /** A whole cloud-init document, or several as MIME parts; present where `Capabilities.userData` is. Holds the host key. */
  readonly userData?: Secret;
  /** The address that the machine is to have on the tenants' network, where the agent hands them out; see `Capabilities.address`. */
  readonly address?: StaticAddress;
  /** What cloud-init is told of that address; present where there is one and `Capabilities.networkConfig` is. */
  readonly network?: NetworkOrder;
  /**
   * The agent's own key (`type base64`) for the time until the machine is handed over, where a script is to be run by SSH: let it in
   * beside the tenant's. It is in `userData` already.
   */
  readonly agentKey?: string;
}

/** An address that the agent chose: the machine gets this one and no other, for as long as it exists. */
export interface StaticAddress {
  readonly ipv4: string;
  /** Of the network, e.g. 16. */
  readonly prefixLength: number;
  /** The host's own address there. */
  readonly gateway: string;
}

/** A machine's network as cloud-init reads it. */
export interface NetworkOrder {
  /** Of the card that the document is for; the same for every attempt of an operation. */
  readonly mac: string;
  /** A whole network-config document, version 2. */
  readonly config: string;
}

/** An Ed25519 SSH host key. */
export interface HostKey {
  /** OpenSSH's own format, PEM. */
  readonly privateKey: Secret;
  /** `ssh-ed25519 base64`. */
  readonly publicKey: string;
}

/** A script for the inside of a machine. */
export interface GuestScript {
  /** At most 64 KiB; without `#!` in its first line it is for /bin/sh. May hold secrets. */
  readonly content: string;
  readonly environment: Readonly<Record<string, string>>;
  /** After so many seconds it is ended, with everything that it started and that did not leave its process group. */
  readonly limitSeconds: number;
}

export interface ScriptEnd {
  /** Exit code; absent when it was ended for its time, or by a signal. */
  readonly exit?: number;
  readonly timedOut: boolean;
  readonly seconds: number;
  /** The last of what it printed, stdout and stderr, at most 16 KiB. Not for the tenant. Empty when only the mark was found. */
  readonly output: string;
}

/** How cloud-init stands in a machine, in the machine's own words. */
export type CloudInitState =
  /** There is none, or it is switched off. */
  | { readonly state: 'none' }
  | { readonly state: 'running' }
  | { readonly state: 'done' }
  /** It ended, and something of it did not work. `why` is foreign text, for the operator. */
  | { readonly state: 'failed'; readonly why: string }
  /** Nobody tells: no guest agent, no right to look, nonsense. */
  | { readonly state: 'unknown' };

export type PowerState = 'running' | 'stopped' | 'transition' | 'unknown';

export interface Instance {
  readonly externalId: ExternalId;
  readonly stamp: OwnerStamp;
  readonly power: PowerState;
  readonly ipv4?: string;
  readonly ipv6?: string;
  /** The address outsiders use, when it differs from `ipv4`. */
  readonly publicIp?: string;
  /** The hardware address of its network card, as the backend set it. */
  readonly mac?: string;
  /** Where the tenant's SSH client connects. */
  readonly ssh?: SshEndpoint;
  /** The machine's SSH host key (`type base64`), where the backend itself tells it, by a way that no stranger on the network is in. */
  readonly hostKey?: string;
  readonly rootPassword?: Secret;
  /** For the tenant: free text. Tenant-visible. */
  readonly additionalDetails?: string;
  /** Milliseconds since the machine was started, when the backend tells. */
  readonly uptimeMs?: number;
}

/** A machine of another program's that provably belongs to a contract. */
export interface Adoptable {
  readonly externalId: ExternalId;
  readonly contract: ContractId;
  readonly name: string;
  /** What tells that it belongs to that contract, for the operator. */
  readonly evidence: string;
  readonly power: PowerState;
  readonly ipv4?: string;
  readonly ssh?: SshEndpoint;
  /** The tenant's key as `type base64`, where the backend knows it. */
  readonly sshKey?: string;
}

export interface SshEndpoint {
  readonly host: string;
  readonly port: number;
  readonly user: string;
}

export type Observed =
  | { readonly state: 'present'; readonly instance: Instance; readonly unhealthy?: string }
  | { readonly state: 'absent' }
  | { readonly state: 'unknown'; readonly why: string };

export interface Listing {
  /** False when some node or page could not be read: what is not in the list may still exist. */
  readonly complete: boolean;
  readonly instances: readonly Instance[];
}

export interface Inventory {
  readonly cpuModel?: string;
  readonly cpuCores: number;
  readonly cpuThreads: number;
  readonly memoryTotalMb: number;
  /** What a new machine could still get; already sold memory is taken off even where its machine is idle. */
  readonly memoryFreeMb: number;
  readonly storages: readonly Storage[];
  readonly templates: readonly { readonly id: number; readonly name: string }[];
  readonly gpus: readonly { readonly pciId: string; readonly name: string; readonly vendor: string }[];
  /** Room for this many more machines, when the backend or its settings limit the number (ports, addresses). */
  readonly machinesFree?: number;
}

export interface Storage {
  readonly name: string;
  readonly kind: string;
  readonly totalGb: number;
  readonly freeGb: number;
}

/** Bytes since the counter's start, which may restart at any time. */
export interface TrafficSample {
  readonly contract: ContractId;
  readonly bytesIn: number;
  readonly bytesOut: number;
}

export interface Finding {
  readonly level: 'pass' | 'warn' | 'fail' | 'skip';
  /** Stable, dotted, e.g. `docker.engine.unreachable`. */
  readonly code: string;
  /** What is the case, in one sentence. */
  readonly title: string;
  /** What to do about it. */
  readonly remedy?: string;
}

/** What the composition root hands to every plugin. */
export interface PluginDeps {
  readonly agent: AgentId;
  readonly target: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}
