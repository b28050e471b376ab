import type { Plan, Region } from './catalogue.ts';

export type InstanceStatus = 'pending' | 'active' | 'suspended' | 'resizing';
export type ServerStatus = 'none' | 'locked' | 'installingbooting' | 'ok';

export interface Instance {
  readonly id: string;
  label: string;
  readonly hostname: string;
  tags: readonly string[];
  readonly plan: Plan;
  readonly region: Region;
  readonly osId: number;
  readonly imageId: string;
  readonly snapshotId: string;
  readonly firewallGroup: string;
  readonly created: number;
  status: InstanceStatus;
  power: 'running' | 'stopped';
  server: ServerStatus;
  /** Undefined until it shows; kept for the instance's life. */
  ipv4: string | undefined;
  ipv6: string | undefined;
  readonly wants: { readonly ipv4: boolean; readonly ipv6: boolean };
  /** As it was ordered, decoded. */
  userData: string;
  readonly sshKeys: readonly string[];
  /** Made for every instance; told once, with the order. */
  readonly password: string;
  /** An accepted deletion is at work. */
  deleting: boolean;
  /** Until then it shows without its tags, and lists that filter do not show it. Monotonic. */
  hiddenUntil: number;
  /** Boots when it is switched on. */
  boots: boolean;
  /** Monotonic time of the last start; undefined while off. */
  startedAt: number | undefined;
  readonly traffic: { at: number; readonly days: Map<string, { bytesIn: number; bytesOut: number }> };
  /** As OpenSSH writes it; set by whoever plays the guest. */
  hostKey?: string;
}

export interface FirewallGroup {
  readonly id: string;
  readonly description: string;
}

export interface Snapshot {
  readonly id: string;
  readonly description: string;
  readonly size: number;
  readonly status: 'pending' | 'complete';
  readonly osId: number;
}

/** What outlives instances and costs money by itself. */
export interface Block {
  readonly id: string;
  readonly label: string;
  readonly attachedTo: string;
}

export interface ReservedIp {
  readonly id: string;
  readonly label: string;
  readonly ip: string;
  readonly attachedTo: string;
}

export interface Account {
  readonly instances: Map<string, Instance>;
  readonly firewalls: Map<string, FirewallGroup>;
  readonly snapshots: Map<string, Snapshot>;
  readonly blocks: Map<string, Block>;
  readonly reservedIps: Map<string, ReservedIp>;
  readonly acls: Set<string>;
}

export function emptyAccount(): Account {
  return {
    instances: new Map(),
    firewalls: new Map(),
    snapshots: new Map(),
    blocks: new Map(),
    reservedIps: new Map(),
    acls: new Set(['subscriptions_view', 'subscriptions', 'provisioning', 'firewall', 'billing', 'support']),
  };
}
