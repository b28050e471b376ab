import type { Gateway } from '../gateway/port.ts';
import type { Guest } from '../guest/index.ts';
import type { Knock, UptimeLog } from '../health/index.ts';
import type { Recipient } from '../identity/credentials.ts';
import type { Vault } from '../identity/vault.ts';
import type { Ledger } from '../ledger/index.ts';
import type { Policy, PortRange } from '../lifecycle/index.ts';
import type { PlatformApi } from '../platform/api.ts';
import type { Clock } from '../ports/clock.ts';
import type { AgentId, TargetName } from '../ports/ids.ts';
import type { Log } from '../ports/log.ts';
import type { Random } from '../ports/random.ts';
import type { Secret } from '../ports/secret.ts';
import type { Provisioner } from '../provisioner/contract.ts';
import type { DrainSwitch } from './drain-switch.ts';
import type { RecipeDefaults } from './recipe-order.ts';
import type { TrafficStore } from './traffic-file.ts';

export interface TargetDeps {
  readonly name: TargetName;
  readonly type: string;
  readonly provisioner: Provisioner;
}

/** Times in ms. */
export interface AgentSettings {
  readonly version: string;
  readonly endpoint: string;
  readonly stateDir: string;
  readonly workIntervalMs: number;
  readonly reconcileIntervalMs: number;
  readonly healthIntervalMs: number;
  readonly maxConcurrentProvisioning: number;
  readonly memoryHeadroomMb: number;
  readonly policy: Policy;
  /** What is done about recipes where neither contract nor offering says; see RECIPE_DEFAULTS. */
  readonly recipes?: RecipeDefaults;
}

/** How machines behind this host's address get their way to the outside. */
export interface GatewayDeps {
  readonly port: Gateway;
  /** `required`: nothing is handed over before its route is proved. */
  readonly policy: 'required' | 'best-effort';
  readonly range: PortRange;
  /** Where machines get their addresses from, of which the backend takes one; absent where it is the backend's own affair. */
  readonly network?: string;
  readonly dcId: string;
  /** Who makes the names: the platform for each route, a wildcard record for all, or nobody. */
  readonly dns: 'platform' | 'wildcard' | 'none';
  /** What each machine may move in a calendar month, both directions together. */
  readonly monthlyAllowanceBytes?: number;
  /** What becomes of a machine that has moved more. */
  readonly allowanceAction: 'notify' | 'throttle';
  /** Whether machines of a target may need a route. */
  readonly serves: (target: TargetName) => boolean;
}

/** Everything the daemon touches the world through. */
export interface AgentDeps {
  readonly agent: AgentId;
  readonly settings: AgentSettings;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly ledger: Ledger;
  readonly platform: PlatformApi;
  readonly guest: Guest;
  readonly knock: Knock;
  readonly uptime: Pick<UptimeLog, 'record' | 'forget' | 'problem'>;
  readonly vault: Vault;
  /** Seals to a tenant's key; undefined where the key is none. */
  readonly sealCredential: (text: Secret, recipient: Recipient) => string | undefined;
  /** The first is the default. */
  readonly targets: readonly TargetDeps[];
  /** Absent: every machine is reached without this host's help. */
  readonly gateway?: GatewayDeps;
  /** Where traffic totals outlast the process; absent: nowhere. */
  readonly trafficStore?: TrafficStore;
  /** Whether the operator lets new contracts in. */
  readonly drain: DrainSwitch;
  /** How far our clock is off the platform's, in ms; undefined when unknown. */
  readonly clockSkewMs?: () => number | undefined;
}
