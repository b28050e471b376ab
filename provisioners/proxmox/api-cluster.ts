import { z } from 'zod';
import type { Call } from './call.ts';
import { reasonOf } from './errors.ts';
import * as wire from './wire.ts';
import { datacenterFirewall } from './wire-firewall.ts';

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
