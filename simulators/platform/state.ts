/** The server's database: plain rows, no methods, so that a snapshot is one structured clone. Times are Unix milliseconds. */
export interface State {
  providers: Map<string, Provider>;
  pools: Map<string, Pool>;
  tokens: Map<string, SetupToken>;
  agents: Map<string, Delegation>;
  beats: Map<string, AgentBeat>;
  offerings: Map<number, Offering>;
  contracts: Map<string, Contract>;
  /** By contract. Expired locks stay until someone takes them or the clean-up runs. */
  locks: Map<string, Lock>;
  health: Map<string, HealthRow[]>;
  bandwidth: BandwidthRow[];
  usage: UsageRow[];
  history: HistoryRow[];
  events: EventRow[];
  extensions: ExtensionRow[];
  sli: Map<number, unknown[]>;
  /** By tenant key. */
  accounts: Map<string, { emailVerified: boolean }>;
  wallets: Map<string, number>;
  /** By dcId. */
  gateways: Map<string, GatewayAccount>;
  dns: { name: string; ip: string }[];
  /** The one TXT value per challenge name. */
  txt: Map<string, string>;
  nextId: number;
  nextSweepAt: number;
  nextCleanupAt: number;
}

export type ContractStatus =
  | 'requested'
  | 'pending'
  | 'accepted'
  | 'provisioning'
  | 'provisioned'
  | 'active'
  | 'paused'
  | 'rejected'
  | 'cancelled'
  | 'expired'
  | 'provisioningfailed';

export type PaymentStatus = 'pending' | 'succeeded' | 'refunded' | 'failed' | 'disputed';

export type Permission = 'provision' | 'health_check' | 'heartbeat' | 'fetch_contracts' | 'dns_manage';

export interface Provider {
  key: string;
  /** Without a profile the auto-accept switch cannot be set; it then counts as on. */
  profile: boolean;
  autoAccept: boolean;
  rules: AutoAcceptRule[];
}

export interface AutoAcceptRule {
  id: number;
  offeringId: string;
  minDurationHours?: number | undefined;
  maxDurationHours?: number | undefined;
  enabled: boolean;
}

export interface Pool {
  id: string;
  provider: string;
  name: string;
  location: string;
  provisionerType: string;
  createdAt: number;
  upgradeToVersion?: string | undefined;
}

export interface SetupToken {
  token: string;
  poolId: string;
  provider: string;
  label?: string | undefined;
  createdAt: number;
  expiresAt: number;
  usedAt?: number | undefined;
  usedBy?: string | undefined;
}

export interface Delegation {
  agent: string;
  provider: string;
  poolId?: string | undefined;
  permissions: Permission[];
  label?: string | undefined;
  createdAt: number;
  expiresAt?: number | undefined;
  revokedAt?: number | undefined;
}

export interface AgentBeat {
  agent: string;
  provider: string;
  online: boolean;
  lastAt: number;
  version?: string | undefined;
  provisionerType?: string | undefined;
  capabilities?: string[] | undefined;
  activeContracts: number;
  resources?: AgentResources | undefined;
}

/** A host's inventory as its agent sent it. */
export interface AgentResources {
  cpuModel?: string | undefined;
  cpuCores: number;
  cpuThreads: number;
  cpuMhz?: number | undefined;
  memoryTotalMb: number;
  memoryAvailableMb: number;
  storagePools: { name: string; totalGb: number; availableGb: number; storageType: string }[];
  gpuDevices: { pciId: string; name: string; vendor: string; memoryMb?: number | undefined }[];
  templates: { vmid: number; name: string }[];
}

/** Columns as the wire spells them; only those that matter to agents are read by the server's logic. */
export interface Offering {
  id: number;
  provider: string;
  offering_id: string;
  offer_name: string;
  currency: string;
  monthly_price: number;
  setup_fee: number;
  visibility: string;
  product_type: string;
  stock_status: string;
  is_draft: boolean;
  datacenter_country: string;
  datacenter_city: string;
  processor_cores?: number | undefined;
  memory_amount?: string | undefined;
  total_ssd_capacity?: string | undefined;
  provisioner_type?: string | undefined;
  provisioner_config?: string | undefined;
  template_name?: string | undefined;
  agent_pool_id?: string | undefined;
  post_provision_script?: string | undefined;
  min_contract_hours?: number | undefined;
  max_contract_hours?: number | undefined;
  operating_systems?: string | undefined;
}

export interface Contract {
  id: string;
  provider: string;
  tenant: string;
  offeringDbId: number;
  offeringSlug: string;
  offeringName: string;
  sshKey: string;
  contact: string;
  memo: string;
  status: ContractStatus;
  statusUpdatedAt: number;
  paymentMethod: string;
  paymentStatus: PaymentStatus;
  amountE9s: number;
  refundE9s?: number | undefined;
  currency: string;
  createdAt: number;
  startAt: number;
  /** 0 means none. */
  endAt: number;
  durationHours: number;
  originalDurationHours: number;
  instanceConfig?: string | undefined;
  operatingSystem?: string | undefined;
  /** Present once `provisioned` was reported with details. */
  details?: string | undefined;
  lifted: LiftedDetails;
  completedAt?: number | undefined;
  envelope?: string | undefined;
  envelopeExpiresAt?: number | undefined;
  resetRequestedAt?: number | undefined;
  rotationKey?: string | undefined;
  rotationRequestedAt?: number | undefined;
  pauseReason?: string | undefined;
  pausedAt?: number | undefined;
  totalPausedMs: number;
  terminatedAt?: number | undefined;
  failureReason?: string | undefined;
}

/** Keys that the server copies out of the instance details into columns of their own. */
export interface LiftedDetails {
  gateway_slug?: string;
  gateway_subdomain?: string;
  gateway_ssh_port?: number;
  gateway_port_range_start?: number;
  gateway_port_range_end?: number;
}

export interface Lock {
  agent: string;
  acquiredAt: number;
  expiresAt: number;
}

export interface HealthRow {
  id: number;
  contract: string;
  /** As sent: nanoseconds, not validated. */
  checkedAtNs: number;
  status: 'healthy' | 'unhealthy' | 'unknown';
  latencyMs?: number | undefined;
  details?: string | undefined;
  createdAt: number;
}

export interface BandwidthRow {
  /** The path's spelling, which need not be canonical. */
  provider: string;
  contract: string;
  gatewaySlug: string;
  bytesIn: number;
  bytesOut: number;
  recordedAt: number;
}

export interface UsageRow {
  id: number;
  contract: string;
  eventType: string;
  unitsDelta?: number | undefined;
  heartbeatAt?: number | undefined;
  source?: string | undefined;
  metadata?: string | undefined;
  createdAt: number;
}

export interface HistoryRow {
  contract: string;
  from: ContractStatus;
  to: ContractStatus;
  actor: string;
  memo?: string | undefined;
  at: number;
}

export interface EventRow {
  id: number;
  contract: string;
  type: string;
  actor: 'provider' | 'tenant' | 'system';
  from?: ContractStatus | undefined;
  to?: ContractStatus | undefined;
  details?: string | undefined;
  at: number;
}

export interface ExtensionRow {
  id: number;
  contract: string;
  hours: number;
  previousEndAt: number;
  newEndAt: number;
  at: number;
}

export interface GatewayAccount {
  dcId: string;
  provider: string;
  username: string;
  password: string;
}

export function emptyState(now: number, sweepMs: number, cleanupMs: number): State {
  return {
    providers: new Map(),
    pools: new Map(),
    tokens: new Map(),
    agents: new Map(),
    beats: new Map(),
    offerings: new Map(),
    contracts: new Map(),
    locks: new Map(),
    health: new Map(),
    bandwidth: [],
    usage: [],
    history: [],
    events: [],
    extensions: [],
    sli: new Map(),
    accounts: new Map(),
    wallets: new Map(),
    gateways: new Map(),
    dns: [],
    txt: new Map(),
    nextId: 1,
    nextSweepAt: now + sweepMs,
    nextCleanupAt: now + cleanupMs,
  };
}
