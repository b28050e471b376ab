import { died, type Pve } from '../call.ts';
import type { Guest } from '../state.ts';
import { hasCloudInitDrive, writeCloudInitDrive } from './cloud-init.ts';
import { driverOf } from './driver.ts';
import { parseNet } from './options/net.ts';

/** Switches a machine on: pending changes hold from now on, and its cloud-init drive is written anew. */
export async function switchOn(
  pve: Pve,
  guest: Guest,
  task: { wait(ms: number): Promise<void>; log(line: string): void; warn(line: string): void },
): Promise<void> {
  if (hasCloudInitDrive(guest)) task.log('generating cloud-init ISO');
  const documents = writeCloudInitDrive(guest);
  if (guest.config.get('bios') === 'ovmf' && !guest.config.has('efidisk0')) {
    task.warn('no efidisk configured! Using temporary efivars disk.');
  }
  checkBridges(pve, guest);
  await task.wait(pve.timings.startMs);
  const now = pve.clock.now();
  guest.started = new Map(guest.config);
  guest.status = 'running';
  guest.pid = 1_000 + Math.floor(pve.random.float() * 30_000);
  guest.startedAt = now;
  guest.boot = { at: now, network: documents.network };
  guest.traffic = { in: 0, out: 0 };
  try {
    await driverOf(pve).started(guest, documents);
  } catch (error) {
    await switchOff(pve, guest);
    throw new Error(`start failed: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}

/** Switches a machine off at once; the tap device goes, and with it the counters. */
export async function switchOff(pve: Pve, guest: Guest): Promise<void> {
  if (guest.status === 'stopped') return;
  guest.status = 'stopped';
  guest.traffic = { in: 0, out: 0 };
  delete guest.started;
  delete guest.pid;
  delete guest.startedAt;
  delete guest.boot;
  delete guest.paused;
  await driverOf(pve).stopped(guest);
}

function checkBridges(pve: Pve, guest: Guest): void {
  for (const [name, text] of guest.config) {
    if (!/^net\d+$/.test(name)) continue;
    const bridge = parseNet(text).get('bridge');
    if (bridge === undefined || pve.cluster.nodes.get(guest.node)?.bridges.has(bridge)) continue;
    throw died(
      pve.personality === '9.1' ? `bridge '${bridge}' does not exist` : 'start failed: QEMU exited with code 1',
    );
  }
}
