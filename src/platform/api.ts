import type { ContractId } from '../ports/ids.ts';

/**
 * The platform as the daemon sees it: every agent call, answers already read through the retry oracle, so that a caller
 * decides on meaning and never on text. Anything that is not an answer throws PlatformError.
 */
export interface PlatformApi {
  heartbeat(beat: Heartbeat, signal?: AbortSignal): Promise<HeartbeatAnswer>;
  pendingProvision(signal?: AbortSignal): Promise<WorkList>;
  /** Acquires or renews. Also the side-effect-free status probe for contracts past provisioning. */
  acquireLock(contract: ContractId, signal?: AbortSignal): Promise<LockAnswer>;
  /** True when the lock was ours. False is fine too: it was not held. */
  releaseLock(contract: ContractId, signal?: AbortSignal): Promise<boolean>;
  reportProvisioning(contract: ContractId, signal?: AbortSignal): Promise<ReportAnswer>;
  /** `details` is the instance object; it is serialised to the JSON string that the wire wants. */
  reportProvisioned(contract: ContractId, details: InstanceDetails, signal?: AbortSignal): Promise<ReportAnswer>;
  /** Final on the platform. Answers success also when it did nothing, so a success proves nothing. */
  reportFailed(contract: ContractId, publicReason: string, signal?: AbortSignal): Promise<ReportAnswer>;
  reportTerminated(contract: ContractId, signal?: AbortSignal): Promise<ReportAnswer>;
  reconcile(running: readonly RunningInstance[], signal?: AbortSignal): Promise<Reconciliation>;
  reportHealth(contract: ContractId, health: HealthReport, signal?: AbortSignal): Promise<void>;
  pendingPasswordResets(signal?: AbortSignal): Promise<PasswordResets>;
  completePasswordReset(contract: ContractId, newPassword: string, signal?: AbortSignal): Promise<ReportAnswer>;
  pendingKeyRotations(signal?: AbortSignal): Promise<readonly KeyRotation[]>;
  completeKeyRotation(contract: ContractId, signal?: AbortSignal): Promise<ReportAnswer>;
  registerGateway(dcId: string, signal?: AbortSignal): Promise<AcmeDnsAccount>;
  createDns(record: { slug: string; dcId: string; publicIp: string }, signal?: AbortSignal): Promise<DnsAnswer>;
  deleteDns(record: { slug: string; dcId: string }, signal?: AbortSignal): Promise<{ subdomain: string }>;
  agentStatus(signal?: AbortSignal): Promise<AgentStatus | undefined>;
}

export interface Heartbeat {
  version: string;
  provisionerType?: string;
  capabilities?: readonly string[];
  activeContracts: number;
  bandwidthStats?: readonly { gatewaySlug: string; contractId: ContractId; bytesIn: number; bytesOut: number }[];
  resources?: Resources;
}

/** All three arrays are mandatory on the wire: leaving one out costs the whole heartbeat. Sizes in MiB and GiB. */
export interface Resources {
  cpuModel?: string;
  cpuCores: number;
  cpuThreads: number;
  cpuMhz?: number;
  memoryTotalMb: number;
  memoryAvailableMb: number;
  storagePools: readonly { name: string; totalGb: number; availableGb: number; storageType: string }[];
  gpuDevices: readonly { pciId: string; name: string; vendor: string; memoryMb?: number }[];
  templates: readonly { vmid: number; name: string }[];
}

export interface HeartbeatAnswer {
  nextHeartbeatSeconds?: number;
  poolId?: string;
  poolName?: string;
  upgradeToVersion?: string;
}

export interface WorkList {
  readonly items: readonly PendingItem[];
  /** Entries that could not be read: one bad entry never hides the others. */
  readonly malformed: readonly { readonly contract?: ContractId; readonly problem: string }[];
}

/** One entry of the work list; sizes parsed, still untrusted. */
export interface PendingItem {
  readonly contract: ContractId;
  readonly offering: string;
  readonly sshKey: string;
  readonly cpuCores?: number;
  readonly memoryMb?: number;
  readonly storageGb?: number;
  readonly provisionerType?: string;
  /** JSON texts, as received; merged and validated by whoever takes the contract. */
  readonly provisionerConfig?: string;
  readonly instanceConfig?: string;
  readonly postProvisionScript?: string;
}

export type LockAnswer =
  /** `expiresAt` is on the platform's clock, in ms. */
  | { readonly state: 'held'; readonly expiresAt: number }
  | { readonly state: 'taken' }
  | { readonly state: 'not-lockable'; readonly status: string }
  | { readonly state: 'unpaid'; readonly payment: string }
  | { readonly state: 'not-found' };

export type ReportAnswer =
  | { readonly outcome: 'done' }
  /** The platform is already there, so an earlier attempt got through or somebody else did it. */
  | { readonly outcome: 'already'; readonly status: string }
  /** The contract ended in the meantime: cancelled, rejected, expired or provisioningfailed. */
  | { readonly outcome: 'dead'; readonly status: string }
  /** The platform is in a state from which this report is not possible (accepted -> provisioned needs provisioning first). */
  | { readonly outcome: 'out-of-order'; readonly status: string }
  | { readonly outcome: 'not-found' }
  /** Refused in words that the oracle does not know, or a permission is missing. Repeating it blindly is useless. */
  | { readonly outcome: 'refused'; readonly text: string };

/** The reference's keys, in its order; absent optional keys are left out, the first six are sent as null. */
export interface InstanceDetails {
  external_id: string;
  ip_address: string | null;
  ipv6_address: string | null;
  public_ip?: string;
  ssh_port: number | null;
  root_password: string | null;
  additional_details: string | null;
  gateway_slug?: string;
  gateway_subdomain?: string;
  gateway_ssh_port?: number;
  gateway_port_range_start?: number;
  gateway_port_range_end?: number;
}

export interface RunningInstance {
  readonly externalId: string;
  readonly contractId: ContractId | null;
}

/** Times in ms; `endsAt` is absent when the platform gave none (0). */
export interface Reconciliation {
  readonly keep: readonly { externalId: string; contract: ContractId; endsAt?: number }[];
  readonly terminate: readonly { externalId: string; contract: ContractId; reason: string }[];
  readonly unknown: readonly { externalId: string; message: string }[];
  readonly pause: readonly { externalId: string; contract: ContractId; reason: string }[];
  /** Elements of the answer that could not be read. */
  readonly malformed: number;
}

export interface HealthReport {
  /** Unix time in ms. */
  readonly checkedAt: number;
  readonly status: 'healthy' | 'unhealthy' | 'unknown';
  readonly latencyMs?: number;
  readonly details?: string;
}

export type PasswordResets =
  | { readonly listed: true; readonly contracts: readonly ContractId[] }
  /** The server cannot list them (a known fault): resets exist, nobody knows whose. */
  | { readonly listed: false; readonly text: string };

export interface KeyRotation {
  readonly contract: ContractId;
  readonly sshKey: string;
}

export interface AcmeDnsAccount {
  serverUrl: string;
  username: string;
  password: string;
  subdomain: string;
}

export type DnsAnswer =
  | { readonly outcome: 'done'; readonly subdomain: string }
  /** The very record is there, perhaps by an earlier attempt: ask DNS, then take it for done. */
  | { readonly outcome: 'exists'; readonly text: string };

export interface AgentStatus {
  readonly online: boolean;
  /** ms */
  readonly lastHeartbeat?: number;
  readonly version?: string;
  readonly activeContracts?: number;
}

/**
 * | kind | meaning | what follows |
 * |---|---|---|
 * | unreachable | no answer, or a broken one: a write may or may not have happened | again, with back-off |
 * | server | 5xx: the same | again, with back-off |
 * | throttled | 429 or our own budget | after `retryAfterMs` |
 * | clock-skew | 401, our clock is more than 5 minutes off | alarm; nothing works until the clock is right |
 * | unauthorized | 401, the delegation is unknown, expired or revoked | alarm; stop mutating, keep machines running |
 * | refused | 200 with success:false in words that the call does not know | never blindly again |
 * | protocol | an answer that is not the protocol (no data, wrong types, HTML with 200) | again, slowly; may be a proxy |
 * | bug | 400, 404, 405, 415: our request is wrong | never again |
 */
export type PlatformErrorKind =
  | 'unreachable'
  | 'server'
  | 'throttled'
  | 'clock-skew'
  | 'unauthorized'
  | 'refused'
  | 'protocol'
  | 'bug';

export class PlatformError extends Error {
  override readonly name = 'PlatformError';
  readonly kind: PlatformErrorKind;
  readonly status: number | undefined;
  readonly retryAfterMs: number | undefined;

  constructor(
    kind: PlatformErrorKind,
    message: string,
    options: { status?: number; retryAfterMs?: number; cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.kind = kind;
    this.status = options.status;
    this.retryAfterMs = options.retryAfterMs;
  }
}
