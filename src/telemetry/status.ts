import type { Finding } from '../provisioner/contract.ts';

/** What the agent says about itself. Read by `dc-agent status`, monitoring and the status page; times are ms since the epoch. */
export interface AgentStatusDocument {
  readonly version: string;
  readonly pid: number;
  readonly startedAt: number;
  /** The agent's public key. */
  readonly agent: string;
  readonly endpoint: string;
  readonly stateDir: string;
  readonly phase: AgentPhase;
  readonly platform: PlatformStatus;
  readonly targets: readonly TargetStatus[];
  readonly contracts: readonly ContractStatus[];
  /** Contracts in the work list that this agent leaves to others, and why. */
  readonly declined: readonly { readonly contract: string; readonly reason: string }[];
  readonly breaker: BreakerStatus;
  readonly findings: readonly Finding[];
}

/**
 * starting → running → draining → drained, and from each of them → stopping.
 * Draining: what is under way is finished, nothing new is taken; drained: nothing is under way any more. Machines stay in both.
 */
export type AgentPhase = 'starting' | 'running' | 'draining' | 'drained' | 'stopping';

export interface PlatformStatus {
  readonly state: 'ok' | 'unreachable' | 'unauthorized' | 'clock-skew' | 'unknown';
  readonly problem?: string;
  readonly lastHeartbeatAt?: number;
  readonly lastWorkListAt?: number;
  readonly lastReconcileAt?: number;
  /** Positive when this host's clock is ahead. */
  readonly clockSkewMs?: number;
}

export interface TargetStatus {
  readonly name: string;
  readonly type: string;
  readonly simulated?: true;
  readonly state: 'ok' | 'failing' | 'unknown';
  readonly problem?: string;
  /** Machines of ours there, in any power state. */
  readonly machines: number;
  /** Steps running there now, and how many may. */
  readonly busy: number;
  /** Absent where there is none. */
  readonly limit?: number;
}

export interface ContractStatus {
  readonly contract: string;
  readonly target: string;
  readonly phase: string;
  readonly doing?: string;
  readonly waitingFor?: string;
  /** In this phase since. */
  readonly since: number;
  readonly externalId?: string;
  readonly ssh?: { readonly host: string; readonly port: number; readonly user: string };
  /** Its ports at this host's address, and whether they are known to lead to it. */
  readonly route?: {
    readonly publicIp: string;
    readonly firstPort: number;
    readonly lastPort: number;
    readonly name?: string;
    readonly state: 'open' | 'opening' | 'closing' | 'closed';
    /** Why it is not open, or what of it is not there yet. */
    readonly problem?: string;
  };
  /** What it has moved since its contract began, in bytes. */
  readonly traffic?: { readonly in: number; readonly out: number };
  readonly endsAt?: number;
  readonly health?: HealthStatus;
  /** Reports that the platform does not have yet. */
  readonly owed: number;
  readonly problem?: string;
  readonly simulated?: true;
}

export interface HealthStatus {
  /** `paused`: by the platform, and not reported to it. */
  readonly state: 'up' | 'down' | 'unknown' | 'paused';
  readonly since: number;
  /** Of the latest look. */
  readonly at: number;
  readonly latencyMs?: number;
  readonly details?: string;
}

export interface BreakerStatus {
  readonly state: 'closed' | 'open';
  /** Contracts whose stop or destruction is held back. */
  readonly held: readonly string[];
  readonly since?: number;
}

export interface Readiness {
  readonly ready: boolean;
  /** Why not; empty when ready. */
  readonly reasons: readonly string[];
}

/** Whether the agent can take new work now, from the document alone. Not ready is no reason to restart it: machines are looked after anyway. */
export function readiness(document: AgentStatusDocument): Readiness {
  const reasons: string[] = [];
  if (document.phase !== 'running') reasons.push(`the agent is ${document.phase}`);
  if (document.platform.state !== 'ok') {
    reasons.push(
      `platform ${document.platform.state}${document.platform.problem ? `: ${document.platform.problem}` : ''}`,
    );
  }
  if (!document.targets.some((target) => target.state === 'ok')) {
    reasons.push(document.targets.length === 0 ? 'no target is configured' : 'no target is usable');
  }
  return { ready: reasons.length === 0, reasons };
}
