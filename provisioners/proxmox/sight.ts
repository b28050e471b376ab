import {
  type CallContext,
  machineName,
  type OwnedRef,
  type OwnerStamp,
  ProvisionerError,
} from '../../src/provisioner/index.ts';
import type { VmAt } from './api-vms.ts';
import { type Backend, pause } from './backend.ts';
import { reasonOf } from './errors.ts';
import type { PveReason } from './errors-rules.ts';
import type { Machine } from './judge.ts';
import { sameStamp } from './stamp.ts';
import { viewCluster } from './view.ts';
import type { PveVmRow, VmConfig } from './wire.ts';

export interface Seen {
  readonly state: 'there';
  readonly at: VmAt;
  readonly config: VmConfig;
}

export type Sight =
  | Seen
  /** Nothing has this VMID: a complete list is without it, and the cluster says that it is free. */
  | { readonly state: 'gone' }
  /** Something has it that we may not see: being cloned into a pool, or a stranger's. */
  | { readonly state: 'hidden' };

/** Said of a guest that is not where it was looked for, or of its node's end; none of them means that it is gone. */
const ELSEWHERE: ReadonlySet<PveReason | undefined> = new Set<PveReason>([
  'vm-missing',
  'no-right',
  'no-node',
  'unreachable',
]);

/**
 * What the cluster has under a VMID, freshly read, wherever it is by now. Throws `retry` when that cannot be told: "does not exist"
 * is also said of a machine that moved to another node, and "no right" of one that left its pool or is not yet in it.
 */
export async function lookAt(backend: Backend, vmid: number, ctx: CallContext, hint?: string): Promise<Sight> {
  const { registry } = backend;
  const node = hint ?? registry.nodeOf(vmid);
  const before = node === undefined ? undefined : await readConfig(backend, { node, vmid }, ctx);
  if (before !== undefined) return before;
  const { rows, gap } = await viewCluster(backend, ctx);
  const row = rows.find((each) => each.vmid === vmid);
  if (row !== undefined) {
    // A container has its configuration elsewhere; it is nobody's machine.
    if (row.type !== 'qemu') return { state: 'there', at: { node: row.node, vmid }, config: {} };
    const found = await readConfig(backend, { node: row.node, vmid }, ctx);
    if (found !== undefined) return found;
    throw new ProvisionerError('retry', `VM ${vmid} is listed on node '${row.node}' and cannot be read there just now`);
  }
  if (!(await backend.pve.cluster.isIdFree(vmid, ctx.signal))) return { state: 'hidden' };
  if (gap !== undefined) throw new ProvisionerError('retry', `It cannot be told whether VM ${vmid} is gone: ${gap}`);
  registry.forget(vmid);
  return { state: 'gone' };
}

async function readConfig(backend: Backend, at: VmAt, { signal }: CallContext): Promise<Sight | undefined> {
  try {
    const config = await backend.pve.vms.config(at, 'pending', signal);
    backend.registry.learn(at, config);
    return { state: 'there', at: { node: at.node, vmid: at.vmid }, config };
  } catch (error) {
    if (ELSEWHERE.has(reasonOf(error))) return undefined;
    throw error;
  }
}

/** A list may show a change late, or be wrong once: "none" is said after two that agree. */
const LOOKS = 2;
const BETWEEN_LOOKS_MS = 250;
/** A guest that was listed and is removed by somebody before it is read is not in the next list. */
const MAX_LOOKS = 6;

/**
 * Every machine with exactly this stamp, by the lists, those that are further on first. None only when complete lists say so; throws
 * `retry` when they cannot.
 */
export async function findByStamp(backend: Backend, stamp: OwnerStamp, ctx: CallContext): Promise<Machine[]> {
  const name = machineName(stamp.contract);
  // A stamp may have been written since the machine was last read, and only the description would show it.
  const couldBe = (row: PveVmRow): boolean => row.name === undefined || row.name.startsWith(name);
  let agreed = 0;
  for (let look = 1; ; look++) {
    const { rows, gap } = await viewCluster(backend, ctx);
    const { machines, unclear } = await backend.registry.survey(rows, ctx, couldBe);
    const found = machines.map(({ machine }) => machine).filter((machine) => sameStamp(machine.stamp, stamp));
    if (found.length > 0) return found.sort((a, b) => Number(isCloned(a)) - Number(isCloned(b)) || a.vmid - b.vmid);
    const [doubt] = unclear;
    const why = gap ?? (doubt === undefined ? undefined : `VM ${doubt.vmid}: ${doubt.why}`);
    agreed = why === undefined ? agreed + 1 : 0;
    if (agreed === LOOKS) return [];
    if (why !== undefined && (gap !== undefined || look >= MAX_LOOKS)) {
      throw new ProvisionerError('retry', `No machine can be called absent, since the list proves nothing: ${why}`);
    }
    await pause(backend.clock, BETWEEN_LOOKS_MS, ctx);
  }
}

/** Every machine of ours; throws `retry` when the lists cannot tell. */
export async function everyMachine(backend: Backend, ctx: CallContext): Promise<Machine[]> {
  for (let look = 1; ; look++) {
    const { rows, gap } = await viewCluster(backend, ctx);
    const { machines, unclear } = await backend.registry.survey(rows, ctx);
    const why = gap ?? unclear[0]?.why;
    if (why === undefined) return machines.map(({ machine }) => machine);
    if (gap !== undefined || look >= MAX_LOOKS) {
      throw new ProvisionerError('retry', `It cannot be told which machines there are: ${why}`);
    }
    await pause(backend.clock, BETWEEN_LOOKS_MS, ctx);
  }
}

function isCloned({ stamp }: Machine): boolean {
  return stamp.stage === 'cloned';
}

/** What `create` remembers. */
export const HANDLE = { vmid: 'vmid', upid: 'upid' } as const;

/** The VMID under which a machine is or would be; undefined when none was ever chosen. */
export function vmidOf(ref: Pick<OwnedRef, 'externalId' | 'handles'>): number | undefined {
  const text = ref.externalId ?? ref.handles[HANDLE.vmid];
  if (text === undefined) return undefined;
  if (/^[1-9][0-9]{2,8}$/.test(text)) return Number(text);
  throw new ProvisionerError('not-ours', `'${text.slice(0, 80)}' is not a VMID`);
}
