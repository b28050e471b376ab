import type { Clock } from '../../src/provisioner/index.ts';
import type { Pve } from './api.ts';
import type { VmAt } from './api-vms.ts';
import { reasonOf } from './errors.ts';
import { createShared } from './shared.ts';
import type { PveNodeStatus, PvePciDevice, PveVersion, VmConfig } from './wire.ts';
import type { PveNodeStorage } from './wire-storage.ts';

/** How old an answer may be: `now` for what room there is, `lately` for what changes with a screwdriver or a colleague's plan. */
export type Age = 'now' | 'lately';

/** What changes slowly, so that many creates at once ask once, and a cycle in which nothing happens hardly asks at all. */
export interface Facts {
  version(signal: AbortSignal): Promise<PveVersion>;
  /** `unseen` without Sys.Audit on the node. */
  node(node: string, age: Age, signal: AbortSignal): Promise<PveNodeStatus | 'unseen'>;
  storages(node: string, age: Age, signal: AbortSignal): Promise<PveNodeStorage[]>;
  /** None without the right to look. */
  pci(node: string, signal: AbortSignal): Promise<PvePciDevice[]>;
  template(at: VmAt, signal: AbortSignal): Promise<VmConfig>;
}

const AGE_MS: Readonly<Record<Age, number>> = { now: 10_000, lately: 600_000 };
const TEMPLATE_MS = 60_000;
/** Hosts are upgraded while the agent runs. */
const VERSION_MS = 600_000;

export function createFacts(pve: Pick<Pve, 'cluster' | 'nodes' | 'storage' | 'vms'>, clock: Clock): Facts {
  const versions = createShared<PveVersion>(clock);
  const nodes = createShared<PveNodeStatus | 'unseen'>(clock);
  const storages = createShared<PveNodeStorage[]>(clock);
  const devices = createShared<PvePciDevice[]>(clock);
  const templates = createShared<VmConfig>(clock);
  return {
    version: (signal) => versions.recent('', VERSION_MS, { ask: () => pve.cluster.version(signal), signal }),
    node: (node, age, signal) =>
      nodes.recent(node, AGE_MS[age], { ask: () => orWithoutRight(pve.nodes.status(node, signal), 'unseen'), signal }),
    storages: (node, age, signal) =>
      storages.recent(node, AGE_MS[age], { ask: () => pve.storage.onNode(node, signal), signal }),
    pci: (node, signal) =>
      devices.recent(node, AGE_MS.lately, { ask: () => orWithoutRight(pve.nodes.pci(node, signal), []), signal }),
    template: (at, signal) =>
      templates.recent(`${at.node}/${at.vmid}`, TEMPLATE_MS, {
        ask: () => pve.vms.config(at, 'pending', signal),
        signal,
      }),
  };
}

async function orWithoutRight<T, U>(answer: Promise<T>, otherwise: U): Promise<T | U> {
  try {
    return await answer;
  } catch (error) {
    if (reasonOf(error) === 'no-right') return otherwise;
    throw error;
  }
}
