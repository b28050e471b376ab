import { type Caller, died, type Pve, type TaskContext } from '../call.ts';
import type { Guest } from '../state.ts';
import { switchOff, switchOn } from './boot.ts';
import { CONFIG_LOCK_MS, checkLock, loadGuest, lockOf } from './machine.ts';
import { agentEnabled, agentUp, booted } from './running.ts';

/** How long a guest may take to power down when nobody says. */
const SHUTDOWN_S = 60;
/** qmeventd sees the end of a machine and starts it again: recorded as 2 s and more of `stopped`. */
const RESTART_MS = 2_000;

export interface PowerDown {
  readonly timeoutS?: number;
  readonly forceStop?: boolean;
  readonly skipLock?: boolean;
}

export function startTask(pve: Pve, node: string, vmid: number, caller: Caller, how: PowerDown = {}): string {
  return powerTask(pve, { node, vmid, caller, type: 'qmstart' }, async (task) => {
    const guest = loadGuest(pve, node, vmid);
    if (guest.template) throw died(`you can't start a vm if it's a template`);
    if (!how.skipLock) checkLock(guest);
    if (guest.status === 'running') throw died(`VM ${vmid} already running`);
    await switchOn(pve, guest, task);
  });
}

/** Pulls the plug; of a machine that is off there is nothing to do, and that is fine. */
export function stopTask(pve: Pve, node: string, vmid: number, caller: Caller, how: PowerDown = {}): string {
  return powerTask(pve, { node, vmid, caller, type: 'qmstop' }, async (task) => {
    const guest = loadGuest(pve, node, vmid);
    if (guest.status === 'stopped') return;
    if (!how.skipLock) checkLock(guest);
    await task.wait(pve.timings.stopMs);
    await switchOff(pve, guest);
  });
}

/** Ends tasks that wait for the guest to power down; their worker dies without an end. Returns their UPIDs. */
export function overruleShutdowns(pve: Pve, node: string, vmid: number): string[] {
  const waiting = pve.tasks
    .of(node)
    .filter((task) => task.type === 'qmshutdown' && task.id === String(vmid) && task.exitStatus === undefined);
  for (const { upid } of waiting) pve.stopTask(upid);
  return waiting.map(({ upid }) => upid);
}

export function shutdownTask(pve: Pve, node: string, vmid: number, caller: Caller, how: PowerDown): string {
  return powerTask(pve, { node, vmid, caller, type: 'qmshutdown' }, async (task) => {
    const guest = loadGuest(pve, node, vmid);
    if (guest.status === 'stopped') return;
    if (!how.skipLock) checkLock(guest);
    await powerDown(pve, guest, task, how);
  });
}

/** Powers the guest down; that it comes up again is the work of a second task, of root's. */
export function rebootTask(pve: Pve, node: string, vmid: number, caller: Caller, how: PowerDown): string {
  return powerTask(pve, { node, vmid, caller, type: 'qmreboot' }, async (task) => {
    const guest = loadGuest(pve, node, vmid);
    if (guest.status === 'stopped') return;
    await powerDown(pve, guest, task, how);
    pve.clock.after(RESTART_MS, () => {
      const same = pve.cluster.guests.get(vmid) === guest && guest.node === node;
      if (same && pve.cluster.nodes.get(node)?.online) startTask(pve, node, vmid, { user: 'root@pam' });
    });
  });
}

/** Presses the reset button: the process stays, and with it pid, uptime and counters. */
export function resetTask(pve: Pve, node: string, vmid: number, caller: Caller): string {
  return powerTask(pve, { node, vmid, caller, type: 'qmreset' }, async (task) => {
    const guest = loadGuest(pve, node, vmid);
    checkLock(guest);
    await task.wait(0);
    if (guest.boot) guest.boot = { ...guest.boot, at: pve.clock.now() };
  });
}

export function pauseTask(pve: Pve, node: string, vmid: number, caller: Caller, to: 'suspend' | 'resume'): string {
  return powerTask(pve, { node, vmid, caller, type: to === 'suspend' ? 'qmsuspend' : 'qmresume' }, async (task) => {
    const guest = loadGuest(pve, node, vmid);
    checkLock(guest);
    await task.wait(0);
    if (guest.status === 'stopped') throw died(`VM ${vmid} not running`);
    if (to === 'suspend') guest.paused = true;
    else delete guest.paused;
  });
}

function powerTask(
  pve: Pve,
  { node, vmid, caller, type }: { node: string; vmid: number; caller: Caller; type: string },
  run: (task: TaskContext) => Promise<void>,
): string {
  return pve.task({
    node,
    type,
    id: String(vmid),
    caller,
    run: (task) =>
      pve.locked(
        lockOf(vmid),
        'exclusive',
        CONFIG_LOCK_MS,
        () => run(task),
        (line) => task.log(line),
      ),
  });
}

/** Asks the guest to power down, and waits. One that still boots does not hear the button, and does not remember it. */
async function powerDown(pve: Pve, guest: Guest, task: TaskContext, how: PowerDown): Promise<void> {
  const { shutdownMs, agentMs } = pve.timings;
  const limit = (how.timeoutS ?? SHUTDOWN_S) * 1000;
  const hears = agentUp(pve, guest) || (guest.guest.acpi && !guest.paused && booted(pve, guest, agentMs));
  if (agentEnabled(guest) && !agentUp(pve, guest)) {
    task.log(`QEMU Guest Agent is not running - VM ${guest.vmid} qga command 'guest-ping' failed - got timeout`);
  }
  if (hears && shutdownMs <= limit) {
    await task.wait(shutdownMs);
  } else {
    await task.wait(limit);
    if (guest.status === 'running' && !how.forceStop) throw died('VM quit/powerdown failed - got timeout');
    task.log('VM still running - terminating now with SIGTERM');
  }
  await switchOff(pve, guest);
}
