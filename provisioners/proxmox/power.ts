import {
  type CallContext,
  isProvisionerError,
  type OwnerStamp,
  ProvisionerError,
} from '../../src/provisioner/index.ts';
import { type Backend, finish, pause } from './backend.ts';
import { reasonOf } from './errors.ts';
import type { Machine } from './judge.ts';
import { verified } from './owned.ts';
import type { Upid } from './tasks-upid.ts';
import { sample } from './traffic.ts';
import type { VmStatus } from './wire.ts';

/** Beyond what a task itself waits for. */
const START_LIMIT_MS = 180_000;
const STOP_SLACK_MS = 60_000;
const MAX_TRIES = 4;

/** Switches a machine on and resolves when it runs. One that runs is left as it is. */
export async function switchOn(backend: Backend, machine: Machine, ctx: CallContext): Promise<VmStatus> {
  const { pve, powerNotes } = backend;
  const status = await reach(backend, machine, machine.stamp, 'running', ctx, {
    doing: `start VM ${machine.vmid}`,
    limitMs: START_LIMIT_MS,
    ask: (at) => pve.vms.start(at, ctx.signal),
    fine: 'running',
  });
  powerNotes.note(machine.vmid, 'running');
  return status;
}

/**
 * Switches a machine off: `gently` asks it first, and cuts the power when it has not gone off within the grace. Its traffic counters
 * are kept first, since they end with it.
 */
export async function switchOff(
  backend: Backend,
  machine: Machine,
  how: 'gently' | 'at-once',
  ctx: CallContext,
): Promise<void> {
  const { pve, powerNotes, settings } = backend;
  const graceSeconds = settings.stop_grace_seconds;
  if (how === 'gently' && (await goesOffByItself())) return;
  await reach(backend, machine, machine.stamp, 'stopped', ctx, {
    doing: `switch VM ${machine.vmid} off`,
    limitMs: STOP_SLACK_MS,
    ask: (at) => pve.vms.stop(at, ctx.signal),
    fine: 'not-running',
  });
  powerNotes.note(machine.vmid, 'stopped');

  async function goesOffByItself(): Promise<boolean> {
    try {
      await reach(backend, machine, machine.stamp, 'stopped', ctx, {
        doing: `shut VM ${machine.vmid} down`,
        limitMs: graceSeconds * 1000 + STOP_SLACK_MS,
        ask: (at) => pve.vms.shutdown(at, graceSeconds, ctx.signal),
        fine: 'not-running',
      });
      powerNotes.note(machine.vmid, 'stopped');
      return true;
    } catch (error) {
      const deaf = reasonOf(error) === 'shutdown-timeout' || reasonOf(error) === 'task-running';
      if (!deaf || ctx.signal.aborted) throw error;
      ctx.log.info({ vmid: machine.vmid }, 'proxmox: a machine does not power off by itself, cutting its power');
      return false;
    }
  }
}

interface Move {
  readonly doing: string;
  readonly limitMs: number;
  readonly ask: (at: Machine) => Promise<Upid>;
  /** The refusal that means that it is so already. */
  readonly fine: 'running' | 'not-running';
}

/**
 * Asks, waits for the task, and looks whether it came true; asks again when the answer was lost and nothing happened. On a machine
 * under HA the task only files the request, so the machine itself is watched. Its stamp is read before each asking.
 */
async function reach(
  backend: Backend,
  machine: Machine,
  stamp: OwnerStamp,
  goal: 'running' | 'stopped',
  ctx: CallContext,
  { doing, limitMs, ask, fine }: Move,
): Promise<VmStatus> {
  for (let attempt = 1; ; attempt++) {
    const at = await verified(backend, machine, stamp, ctx);
    const before = await backend.pve.vms.status(at, ctx.signal);
    if (before.status === goal) return before;
    if (goal === 'stopped') keepCounters(backend, at, before);
    try {
      await finish(backend, await ask(at), { doing, limitMs, signal: ctx.signal });
    } catch (error) {
      const lost = isProvisionerError(error) && error.kind === 'unknown-outcome' && reasonOf(error) !== 'task-running';
      const repeat = (lost || reasonOf(error) === 'lock-timeout') && attempt < MAX_TRIES && !ctx.signal.aborted;
      if (!repeat && reasonOf(error) !== fine) throw error;
      ctx.log.info({ err: error, vmid: at.vmid, goal }, 'proxmox: looking again what became of a machine');
    }
    const after = await watch(backend, at, goal, ctx);
    if (after !== undefined) return after;
    if (attempt >= MAX_TRIES) {
      throw new ProvisionerError('retry', `VM ${at.vmid} is not ${goal} although Proxmox was asked ${MAX_TRIES} times`);
    }
  }
}

const WATCH_MS = 20_000;

/** Undefined when the machine did not get there in time. */
async function watch(
  backend: Backend,
  at: Machine,
  goal: 'running' | 'stopped',
  ctx: CallContext,
): Promise<VmStatus | undefined> {
  const started = backend.clock.monotonic();
  for (let pauseMs = 200; ; pauseMs = Math.min(pauseMs * 2, 2_000)) {
    const status = await backend.pve.vms.status(at, ctx.signal);
    if (status.status === goal) return status;
    if (backend.clock.monotonic() - started > WATCH_MS) return undefined;
    await pause(backend.clock, pauseMs, ctx);
  }
}

function keepCounters({ lastSamples }: Backend, machine: Machine, status: VmStatus): void {
  const last = sample(machine, status);
  if (last !== undefined) lastSamples.keep(last);
}
