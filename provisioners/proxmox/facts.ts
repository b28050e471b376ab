import type { Clock } from '../../src/provisioner/index.ts';
import type { Pve } from './api.ts';
import type { VmAt } from './api-vms.ts';
import { reasonOf } from './errors.ts';
import type { PveNodeStatus, PveVersion, VmConfig } from './wire.ts';
import type { PveNodeStorage } from './wire-storage.ts';

/** What changes slowly, so that many creates at once ask once. Failures are not kept. */
export interface Facts {
  version(signal: AbortSignal): Promise<PveVersion>;
  /** `unseen` without Sys.Audit on the node. */
  node(node: string, signal: AbortSignal): Promise<PveNodeStatus | 'unseen'>;
  storages(node: string, signal: AbortSignal): Promise<PveNodeStorage[]>;
  template(at: VmAt, signal: AbortSignal): Promise<VmConfig>;
}

const NODE_MS = 10_000;
const TEMPLATE_MS = 60_000;
/** Hosts are upgraded while the agent runs. */
const VERSION_MS = 600_000;

export function createFacts(pve: Pick<Pve, 'cluster' | 'nodes' | 'storage' | 'vms'>, clock: Clock): Facts {
  const version = remembered<PveVersion>(VERSION_MS);
  const nodes = remembered<PveNodeStatus | 'unseen'>(NODE_MS);
  const storages = remembered<PveNodeStorage[]>(NODE_MS);
  const templates = remembered<VmConfig>(TEMPLATE_MS);
  return {
    version: (signal) => version('', () => pve.cluster.version(signal)),
    node: (node, signal) => nodes(node, () => statusOf(node, signal)),
    storages: (node, signal) => storages(node, () => pve.storage.onNode(node, signal)),
    template: (at, signal) => templates(`${at.node}/${at.vmid}`, () => pve.vms.config(at, 'pending', signal)),
  };

  async function statusOf(node: string, signal: AbortSignal): Promise<PveNodeStatus | 'unseen'> {
    try {
      return await pve.nodes.status(node, signal);
    } catch (error) {
      if (reasonOf(error) === 'no-right') return 'unseen';
      throw error;
    }
  }

  function remembered<T>(forMs: number): (key: string, ask: () => Promise<T>) => Promise<T> {
    const values = new Map<string, { value: T; at: number }>();
    return async (key, ask) => {
      const before = values.get(key);
      if (before !== undefined && clock.monotonic() - before.at < forMs) return before.value;
      const value = await ask();
      values.set(key, { value, at: clock.monotonic() });
      return value;
    };
  }
}
