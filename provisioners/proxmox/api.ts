import { type AccessCalls, accessCalls } from './api-access.ts';
import { type AgentCalls, agentCalls } from './api-agent.ts';
import { type ClusterCalls, clusterCalls } from './api-cluster.ts';
import { type FirewallCalls, firewallCalls } from './api-firewall.ts';
import { type NodeCalls, nodeCalls } from './api-nodes.ts';
import { type PoolCalls, poolCalls } from './api-pools.ts';
import { type StorageCalls, storageCalls } from './api-storage.ts';
import { type TaskCalls, taskCalls } from './api-tasks.ts';
import { type VmCalls, vmCalls } from './api-vms.ts';
import { type CallOptions, createCall } from './call.ts';
import type { PveCredentials } from './call-request.ts';
import type { PveTransport } from './transport.ts';

/**
 * The calls of Proxmox VE's REST API (7.4 to 9) that this plugin and its setup make. Every method is one exchange, never repeated;
 * takes the caller's signal last; throws PveProblem only. Ids of nodes, guests and storages are taken as they are.
 *
 * A method that returns a `Upid` has only started something: 200 says nothing about success. See `waitForTask`.
 */
export interface Pve {
  readonly cluster: ClusterCalls;
  readonly nodes: NodeCalls;
  readonly storage: StorageCalls;
  readonly vms: VmCalls;
  /** The guest agent inside a guest. */
  readonly agent: AgentCalls;
  readonly firewall: FirewallCalls;
  readonly pools: PoolCalls;
  readonly tasks: TaskCalls;
  readonly access: AccessCalls;
}

/** Does nothing by itself. The transport stays the caller's to close, so that several callers may share one. */
export function createPve(transport: PveTransport, credentials: PveCredentials, options: CallOptions): Pve {
  const call = createCall(transport, credentials, options);
  return {
    cluster: clusterCalls(call),
    nodes: nodeCalls(call),
    storage: storageCalls(call),
    vms: vmCalls(call),
    agent: agentCalls(call),
    firewall: firewallCalls(call),
    pools: poolCalls(call),
    tasks: taskCalls(call),
    access: accessCalls(call),
  };
}
