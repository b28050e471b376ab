import { z } from 'zod';
import type { Call } from './call.ts';
import { path } from './call-request.ts';
import * as wire from './wire.ts';

export interface NodeCalls {
  /** Processors, memory, uptime. Needs Sys.Audit on the node. */
  status(node: string, signal: AbortSignal): Promise<wire.PveNodeStatus>;
  /** Bridges that the caller may use (SDN.Use), those of zones too. */
  bridges(node: string, signal: AbortSignal): Promise<wire.PveBridge[]>;
  /** PCI devices except bridges and memory. Needs Sys.Audit on `/`, or Mapping.Use. */
  pci(node: string, signal: AbortSignal): Promise<wire.PvePciDevice[]>;
  /** The certificates of the node, the cluster's own authority (`pve-root-ca.pem`) among them. */
  certificates(node: string, signal: AbortSignal): Promise<wire.PveCertificate[]>;
}

export function nodeCalls(call: Call): NodeCalls {
  const read = { method: 'GET', effect: 'none' } as const;
  return {
    status: (node, signal) =>
      call(
        {
          ...read,
          doing: `say how node '${node}' is`,
          path: path`/nodes/${node}/status`,
          answer: wire.nodeStatus,
        },
        signal,
      ),

    bridges: (node, signal) =>
      call(
        {
          ...read,
          doing: `list the bridges of node '${node}'`,
          path: path`/nodes/${node}/network`,
          params: { type: 'any_bridge' },
          answer: z.array(wire.bridge),
        },
        signal,
      ),

    pci: (node, signal) =>
      call(
        {
          ...read,
          doing: `list the PCI devices of node '${node}'`,
          path: path`/nodes/${node}/hardware/pci`,
          answer: z.array(wire.pciDevice),
        },
        signal,
      ),

    certificates: (node, signal) =>
      call(
        {
          ...read,
          doing: `show the certificates of node '${node}'`,
          path: path`/nodes/${node}/certificates/info`,
          answer: z.array(wire.certificate),
        },
        signal,
      ),
  };
}
