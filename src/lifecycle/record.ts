import type { Web } from '../gateway/port.ts';
import type { ContractId, ExternalId, OperationId, TargetName } from '../ports/ids.ts';
import type { Step } from './steps.ts';

/**
 * Where a contract is going.
 *
 * | goal | meaning | next |
 * |---|---|---|
 * | deliver | the machine is to be made and handed over | keep, remove |
 * | keep | handed over, should run | stop, remove |
 * | stop | paused by the platform: off, but whole | keep, remove |
 * | remove | the machine must go, and what is owed must be said | (closed) |
 */
export type Goal = 'deliver' | 'keep' | 'stop' | 'remove';

/**
 * Why a contract is being removed, which decides what is owed to the platform.
 *
 * | reason | who decided | owed |
 * |---|---|---|
 * | cancelled | platform | terminated |
 * | expired | platform | nothing |
 * | failed | we: a permanent error or the deadline | provisioning_failed |
 * | handed-back | we: no capacity; pool mates may take it | release of the lock |
 * | lost | another agent holds the lock, or has delivered | nothing |
 * | dead | the contract ended before it was delivered | nothing |
 */
export type RemoveReason = 'cancelled' | 'expired' | 'failed' | 'handed-back' | 'lost' | 'dead';

/** What was ordered, as plain data; the tenant's words in it have been cleaned. */
export interface OrderData {
  readonly offering: string;
  readonly sshKey: string;
  readonly cpuCores?: number;
  readonly memoryMb?: number;
  readonly storageGb?: number;
  /** As whom the tenant logs in, where contract or offering says so; else the target does. */
  readonly user?: string;
  readonly settings: Readonly<Record<string, unknown>>;
  /** The tenant's Ed25519 public key, where somebody told us: passwords are sealed to it. */
  readonly tenantKey?: string;
  readonly postProvisionScript?: string;
  /** The offering's cloud-init document, which is merged with ours. */
  readonly cloudInit?: string;
  /** How its web server is reached by name; absent where nobody says. */
  readonly web?: Web;
  /** How the script, or the end of the document's work, is seen to; absent when there is neither. */
  readonly recipe?: RecipePlan;
  /** Why this order can never be met, in words for the tenant: it is reported as failed before anything is made. */
  readonly problem?: string;
}

/** Settled when the contract was taken, so that neither another configuration nor another program changes it half-way. */
export interface RecipePlan {
  /**
   * Who runs it: the machine's making, the backend's own hand afterwards, or we by SSH, with a key of ours that is in the machine until
   * it is withdrawn.
   */
  readonly by: 'create' | 'backend' | 'ssh';
  /** What a recipe that did not end well does to the contract. */
  readonly onFailure: 'fail' | 'deliver';
  readonly limitSeconds: number;
}

/** How a recipe ended. */
export interface RecipeEnd {
  readonly ok: boolean;
  /** Absent when it was ended for its time, by a signal, or cut off. */
  readonly exit?: number;
  readonly seconds?: number;
  /** One sentence of ours, for the tenant. */
  readonly summary: string;
  /** The last of what it printed, redacted. For the operator. */
  readonly output: string;
}

/**
 * How sure we are of a machine's host key: we made it and gave it to the machine, the backend told it by a way that no stranger is in,
 * or it is what answered first.
 */
export type HostKeyTrust = 'given' | 'told' | 'first-use';

/**
 * How cloud-init ended in the machine before it was handed over: well, with errors, not within the time given to it, or nobody looked,
 * because only its tenant can.
 */
export type CloudInitEnd = 'done' | 'failed' | 'unfinished' | 'unseen';

/** A password sealed to its tenant's key: whoever holds that key opens it, nobody else. */
export interface Credential {
  /** JSON text, version 2 of the platform's envelope. */
  readonly envelope: string;
  /** The Ed25519 public key, 64 hex digits. */
  readonly sealedFor: string;
}

/** The machine as last seen: what the tenant was, or will be, told. Never holds a password. */
export interface InstanceData {
  readonly externalId: ExternalId;
  readonly ipv4?: string;
  readonly ipv6?: string;
  readonly publicIp?: string;
  readonly mac?: string;
  readonly ssh?: { readonly host: string; readonly port: number; readonly user: string };
  readonly additionalDetails?: string;
  /** Its SSH host key (`type base64`) as the backend told it. */
  readonly hostKey?: string;
}

/** A contract's ports at this host's address. Nobody else gets them until an hour after the contract was closed. */
export interface RouteData {
  /** Six characters of a-z and 0-9: the first label of its name. */
  readonly slug: string;
  readonly firstPort: number;
  readonly portCount: number;
  /** The machine's address, where we give it; else it is what the backend says. */
  readonly ipv4?: string;
}

/** What a contract had the time before, when it was ours already and was closed: it rests for its hour like everybody's. */
export interface FormerRoute {
  readonly route?: RouteData;
  /** The machine's address, as the backend told it. */
  readonly ipv4?: string;
  readonly closedAt: number;
}

export type FailureKind =
  | 'retry'
  | 'throttled'
  | 'capacity'
  | 'permanent'
  | 'config'
  | 'unknown-outcome'
  | 'not-ours'
  /** Stopped by our own shutdown; says nothing about the backend. */
  | 'parked';

/** How often a step was tried since it last succeeded. */
export interface Tries {
  readonly count: number;
  readonly lastAt: number;
  readonly kind: FailureKind;
  /** For the operator. */
  readonly text: string;
  /** For the tenant. */
  readonly publicText?: string;
  /** How long the other side asked us to wait. */
  readonly retryAfterMs?: number;
}

/** Everything this host knows about one contract. Plain JSON; changed only by `apply`. */
export interface ContractRecord {
  readonly contract: ContractId;
  readonly target: TargetName;
  readonly operation: OperationId;
  /** Of times when this contract was ours before: a request of theirs that was processed very late is still ours to remove. */
  readonly earlierOperations?: readonly OperationId[];
  /** Of the same times: what others may not have yet. */
  readonly formerRoutes?: readonly FormerRoute[];
  readonly order: OrderData;
  readonly admittedAt: number;
  /** After this the platform is told that it failed. */
  readonly deadlineAt: number;

  readonly goal: Goal;
  readonly goalSince: number;
  readonly reason?: RemoveReason;
  /** For the operator: what led to the goal. */
  readonly why: string;
  /** What the platform and the tenant are told when it failed. */
  readonly publicReason?: string;

  /** The lock was taken at least once and not given back since. */
  readonly claimed: boolean;
  /** The platform has `provisioning`. */
  readonly announced: boolean;
  /** `maybe`: a create was begun and its outcome is not known to be nothing. */
  readonly machine: 'none' | 'maybe' | 'made' | 'gone';
  readonly instance?: InstanceData;
  readonly handles: Readonly<Record<string, string>>;
  /** Present for machines that need this host's address to be reached. */
  readonly route?: RouteData;
  /** `opening`, `closing`: the ports may lead to the machine, or not. Absent: they certainly do not. */
  readonly routeState?: 'opening' | 'open' | 'closing';
  /** The platform may have, or has, a DNS name for the route, with the address that it was asked for. */
  readonly dnsName?: { readonly state: 'maybe' | 'there'; readonly publicIp?: string };
  readonly verified: boolean;
  /** `SHA256:…`: what the last login was seen at. */
  readonly hostKey?: string;
  readonly hostKeyTrust?: HostKeyTrust;
  /** Absent where there is none, or nobody knows. */
  readonly cloudInit?: CloudInitEnd;
  /** How the recipe ended in the present machine. */
  readonly recipe?: RecipeEnd;
  /** Our own key was proven to open the present machine no more. */
  readonly withdrawn?: true;
  /** The report `provisioned` was sent at least once, and nobody knows that it did not arrive. */
  readonly maybeDelivered: boolean;
  /** The platform has `provisioned`. */
  readonly delivered: boolean;
  readonly deliveredAt?: number;
  /** The platform has `provisioning_failed`. */
  readonly failReported: boolean;
  readonly terminateReported: boolean;
  /** Last power state that a step of ours brought about. */
  readonly power?: 'running' | 'stopped';
  /** Starts of ours in a row, with less than an hour between them: more than a few are a crash loop. */
  readonly starts?: { readonly count: number; readonly lastAt: number };
  readonly endsAt?: number;

  /** A root password that the platform does not have yet, sealed with a key that is not in the ledger. */
  readonly sealedPassword?: string;
  /** The password of a reset that is under way, sealed: each attempt sets the same one, so a late one changes nothing. */
  readonly nextPassword?: string;
  /** Whose key seals it before it leaves this host; absent where the platform seals. */
  readonly nextSealFor?: string;
  /** The latest password of this machine that was sealed to its tenant. */
  readonly credential?: Credential;

  /** Intent without outcome: after a restart, its outcome is unknown. */
  readonly running?: {
    readonly step: Step;
    readonly attempt: number;
    readonly at: number;
    /** What was known before, should it turn out that nothing happened. */
    readonly before: { readonly machine: ContractRecord['machine']; readonly maybeDelivered: boolean };
  };
  readonly tries: Readonly<Partial<Record<Step, Tries>>>;
  readonly closedAt?: number;
  /** Latest last; bounded. */
  readonly history: readonly HistoryEntry[];
}

export interface HistoryEntry {
  readonly at: number;
  readonly event: ContractEvent;
}

/** What is journalled. Each entry changes one record, by `apply`. */
export type ContractEvent =
  | {
      readonly type: 'admitted';
      readonly target: TargetName;
      readonly operation: OperationId;
      readonly order: OrderData;
      readonly deadlineAt: number;
      readonly route?: RouteData;
    }
  /** An operator gave us a machine that another program made and handed over. One entry, so that no crash leaves half of it. */
  | {
      readonly type: 'adopted';
      readonly target: TargetName;
      readonly operation: OperationId;
      readonly order: OrderData;
      readonly instance: InstanceData;
      readonly route?: RouteData;
    }
  | { readonly type: 'intent'; readonly step: Step; readonly attempt: number }
  | {
      readonly type: 'done';
      readonly step: Step;
      readonly instance?: InstanceData;
      readonly hostKey?: string;
      readonly hostKeyTrust?: HostKeyTrust;
      readonly cloudInit?: CloudInitEnd;
      readonly recipe?: RecipeEnd;
      readonly sealedPassword?: string;
      readonly credential?: Credential;
      /** The tenant's key from now on. */
      readonly sshKey?: string;
      /** The address that the DNS name was made for. */
      readonly publicIp?: string;
      /** What was special about it, for the time line. */
      readonly note?: string;
    }
  | {
      readonly type: 'failed';
      readonly step: Step;
      readonly kind: FailureKind;
      readonly text: string;
      readonly publicText?: string;
      readonly retryAfterMs?: number;
      /** The side effect certainly did not happen, or was certainly undone. */
      readonly nothingHappened?: true;
    }
  | { readonly type: 'handle'; readonly key: string; readonly value: string }
  | {
      readonly type: 'goal';
      readonly goal: Goal;
      readonly why: string;
      readonly reason?: RemoveReason;
      readonly publicReason?: string;
    }
  /** The platform turned out not to have what it was told: say it again. */
  | { readonly type: 'unannounced'; readonly why: string }
  | { readonly type: 'ends'; readonly endsAt: number }
  | { readonly type: 'instance'; readonly instance: InstanceData }
  /** The machine turned out not to need a route, so its ports are free again. */
  | { readonly type: 'unrouted'; readonly why: string }
  /** `operation`: whose machine it is, when not that of the latest. */
  | { readonly type: 'reappeared'; readonly operation?: OperationId }
  | { readonly type: 'password'; readonly sealedPassword: string; readonly sealFor?: string }
  | { readonly type: 'closed'; readonly why: string };
