import { z } from 'zod';
import type { Call } from './call.ts';
import { reasonOf } from './errors.ts';
import * as wire from './wire.ts';
import { datacenterFirewall } from './wire-firewall.ts';
import { type PveStorageRow, storageRow } from './wire-storage.ts';

/** One look at the whole cluster, as far as the caller may see it. */
export interface PveResources {
  readonly vms: readonly wire.PveVmRow[];
  readonly nodes: readonly wire.PveNodeRow[];
  readonly storages: readonly PveStorageRow[];
  /** Guests and nodes that could not be read. */
  readonly unreadable: number;
}

export interface ClusterCalls {
  /** Any caller with valid credentials may ask. */
  version(signal: AbortSignal): Promise<wire.PveVersion>;
  /** Every node, with its state and the certificate that it shows. */
  nodes(signal: AbortSignal): Promise<wire.PveNode[]>;
  /**
   * Every guest that the caller may see, of all nodes. Lags by some ten seconds: a fresh id has no name, a reused one shows the
   * dead guest's; a guest that is being cloned into a pool is not there yet. `unreadable` counts rows that could not be read.
   */
  vms(signal: AbortSignal): Promise<{ rows: wire.PveVmRow[]; unreadable: number }>;
  /** The same guests, with all nodes (their states are always current) and storages, in one call. */
  resources(signal: AbortSignal): Promise<PveResources>;
  /** Members and quorum. Needs Sys.Audit on `/`. */
  status(signal: AbortSignal): Promise<wire.PveClusterMember[]>;
  /** The lowest free id in the datacenter's range. It is not reserved. */
  nextId(signal: AbortSignal): Promise<number>;
  /** Whether no guest of the whole cluster has this id; tells also of guests that the caller may not see. Reserves nothing. */
  isIdFree(vmid: number, signal: AbortSignal): Promise<boolean>;
  /** Off = every other firewall setting is idle. Needs Sys.Audit on `/`. */
  firewallEnabled(signal: AbortSignal): Promise<boolean>;
}

export function clusterCalls(call: Call): ClusterCalls {
  const read = { method: 'GET', effect: 'none' } as const;
  return {
    version: (signal) =>
      call({ ...read, doing: 'say its version', path: '/version', answer: wire.version, timeoutMs: 15_000 }, signal),

    nodes: (signal) => call({ ...read, doing: 'list its nodes', path: '/nodes', answer: z.array(wire.node) }, signal),

    async vms(signal) {
      const entries = await call(
        { ...read, doing: 'list its guests', path: '/cluster/resources', params: { type: 'vm' }, answer: wire.list },
        signal,
      );
      const rows = entries.flatMap((entry) => {
        const row = wire.vmRow.safeParse(entry);
        return row.success ? [row.data] : [];
      });
      return { rows, unreadable: entries.length - rows.length };
    },

    async resources(signal) {
      const entries = await call(
        { ...read, doing: 'list what it has', path: '/cluster/resources', answer: wire.list },
        signal,
      );
      return sorted(entries);
    },

    status: (signal) =>
      call(
        { ...read, doing: 'say how the cluster is', path: '/cluster/status', answer: z.array(wire.clusterMember) },
        signal,
      ),

    nextId: (signal) =>
      call({ ...read, doing: 'name a free VMID', path: '/cluster/nextid', answer: wire.nextId }, signal),

    async isIdFree(vmid, signal) {
      const answer = wire.nextId.refine((id) => id === vmid, `it is about another VMID than ${vmid}`);
      const params = { vmid };
      const doing = `say whether VMID ${vmid} is free`;
      try {
        await call({ ...read, doing, path: '/cluster/nextid', params, answer }, signal);
        return true;
      } catch (error) {
        if (reasonOf(error) === 'exists') return false;
        throw error;
      }
    },

    async firewallEnabled(signal) {
      const doing = "say whether the datacenter's firewall is on";
      const answer = datacenterFirewall;
      return (await call({ ...read, doing, path: '/cluster/firewall/options', answer }, signal)).enable;
    },
  };
}

/** Pools, zones and kinds of later versions are passed over; what has a VMID or no kind at all may be a guest. */
function sorted(entries: readonly unknown[]): PveResources {
  const vms: wire.PveVmRow[] = [];
  const nodes: wire.PveNodeRow[] = [];
  const storages: PveStorageRow[] = [];
  let unreadable = 0;
  for (const entry of entries) {
    const { data: kind } = kindOf.safeParse(entry);
    const guest = wire.vmRow.safeParse(entry);
    const node = wire.nodeRow.safeParse(entry);
    const storage = storageRow.safeParse(entry);
    if (guest.success) vms.push(guest.data);
    else if (node.success) nodes.push(node.data);
    else if (storage.success) storages.push(storage.data);
    else if (kind === undefined || kind.vmid !== undefined || MUST_BE_READ.has(kind.type)) unreadable++;
  }
  return { vms, nodes, storages, unreadable };
}

const kindOf = z.object({ type: z.string(), vmid: z.unknown().optional() });
const MUST_BE_READ: ReadonlySet<string> = new Set(['qemu', 'lxc', 'node']);
