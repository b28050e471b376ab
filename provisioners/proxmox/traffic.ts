import {
  type CallContext,
  isProvisionerError,
  ProvisionerError,
  type TrafficSample,
} from '../../src/provisioner/index.ts';
import type { Backend } from './backend.ts';
import type { Machine } from './judge.ts';
import { viewCluster } from './view.ts';
import type { PveVmRow, VmStatus } from './wire.ts';

/**
 * Bytes of every running machine, as the machine sees them: `netin` is what came in. A host counts from the moment that the network
 * card's tap device is made, so starting, rebooting by the API and moving to another node set both counters to 0. What a machine had
 * counted when it was switched off by us is told once more, so nothing between the last question and the switch is lost.
 */
export async function readTraffic(backend: Backend, ctx: CallContext): Promise<TrafficSample[]> {
  const { rows } = await viewCluster(backend, ctx);
  const { machines, unclear } = await backend.registry.survey(rows, ctx);
  if (machines.length === 0 && unclear.length > 0) {
    throw new ProvisionerError('retry', `No machine could be judged: VM ${unclear[0]?.vmid}: ${unclear[0]?.why}`);
  }
  const last = backend.lastSamples.take();
  const running = await Promise.all(machines.map((each) => sampleOf(backend, each, ctx)));
  return [...last, ...running.filter((sample) => sample !== undefined)];
}

/** Undefined when the machine is off, or its counters are not there: a 0 that is none would make a caller count twice. */
export function sample(
  { stamp }: Machine,
  status: Pick<VmStatus, 'status' | 'netin' | 'netout'>,
): TrafficSample | undefined {
  if (status.status !== 'running' || status.netin === undefined || status.netout === undefined) return undefined;
  return { contract: stamp.contract, bytesIn: wholeBytes(status.netin), bytesOut: wholeBytes(status.netout) };
}

async function sampleOf(
  backend: Backend,
  { machine, row }: { machine: Machine; row: PveVmRow },
  ctx: CallContext,
): Promise<TrafficSample | undefined> {
  const note = backend.powerNotes.get(machine.vmid);
  if (note === 'stopped') return undefined;
  if (note === undefined) return sample(machine, row);
  // It was started a moment ago: the list has no counters yet, or still those from before.
  try {
    return sample(machine, await backend.pve.vms.status(machine, ctx.signal));
  } catch (error) {
    if (!isProvisionerError(error) || ctx.signal.aborted) throw error;
    ctx.log.debug({ err: error, vmid: machine.vmid }, 'proxmox: traffic counters could not be read');
    return undefined;
  }
}

function wholeBytes(count: number): number {
  return Math.min(Number.MAX_SAFE_INTEGER, Math.max(0, Math.floor(count)));
}
