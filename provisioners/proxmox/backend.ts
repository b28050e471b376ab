import {
  type AgentId,
  type CallContext,
  type Clock,
  type OperationId,
  ProvisionerError,
  type Random,
  sleep,
} from '../../src/provisioner/index.ts';
import type { AddressBook } from './address-book.ts';

import type { Pve } from './api.ts';
import type { PveResources } from './api-cluster.ts';
import type { Facts } from './facts.ts';
import type { Gate } from './gate.ts';
import type { Ids } from './ids.ts';
import type { PowerNotes } from './power-notes.ts';
import type { Registry } from './registry.ts';
import type { Reservations } from './reservations.ts';
import type { ProxmoxSettings } from './schema.ts';
import type { Shared } from './shared.ts';
import { waitForTask } from './tasks.ts';
import type { Upid } from './tasks-upid.ts';
import type { LastSamples } from './traffic-last.ts';
import type { VmOnNode } from './wire.ts';

/** What the rooms of the plugin share within one open target. Nothing in it needs to outlive the process. */
export interface Backend {
  readonly pve: Pve;
  readonly settings: ProxmoxSettings;
  readonly agent: AgentId;
  readonly clock: Clock;
  readonly random: Random;
  readonly gate: Gate;
  readonly facts: Facts;
  /** Looks at the whole cluster, which what happens at the same time shares. */
  readonly looks: Shared<PveResources>;
  /** Looks at all guests of one node, which machines that boot at the same time share. */
  readonly roundups: Shared<readonly VmOnNode[]>;
  readonly ids: Ids;
  readonly registry: Registry;
  readonly book: AddressBook;
  readonly reservations: Reservations;
  readonly lastSamples: LastSamples;
  readonly powerNotes: PowerNotes;
  /** Machines of this target that were made lately do not tell their host keys, until then by the monotonic clock. */
  readonly silence: { until: number };
  /** The VMID that a create of this process chose: an attempt that overlaps may not have been told what the first remembered. */
  readonly chosen: Map<OperationId, number>;
}

/** Waits for a task; one that was done at once has no id. Errors: those of `waitForTask`. */
export async function finish(
  { pve, clock }: Pick<Backend, 'pve' | 'clock'>,
  upid: Upid | undefined,
  { doing, limitMs, signal }: { doing: string; limitMs: number; signal: AbortSignal },
): Promise<void> {
  if (upid !== undefined) await waitForTask(pve, upid, { doing, clock, signal, limitMs });
}

/** Sleeps; a cancelled sleep is an error of the one kind that plugins throw. */
export async function pause(clock: Clock, ms: number, { signal }: Pick<CallContext, 'signal'>): Promise<void> {
  try {
    await sleep(clock, ms, signal);
  } catch (cause) {
    throw new ProvisionerError('retry', 'Cancelled while waiting for Proxmox', { cause });
  }
}
