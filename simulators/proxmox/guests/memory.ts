import type { GuestDriver } from '../state.ts';
import { applyCloudInit } from './cloud-init.ts';
import { runCommand } from './commands.ts';
import { guestDisk } from './disk.ts';

/** Another one in each boot. */
const BOOT_ID = '/proc/sys/kernel/random/boot_id';

/** Machines whose inside is a few files in memory: enough for the guest agent, with nothing to connect to. */
export const memoryGuests: GuestDriver = {
  started(guest, documents) {
    const disk = guestDisk(guest);
    applyCloudInit(disk, documents);
    disk.files.set(BOOT_ID, `${guest.pid ?? 0}-${guest.startedAt ?? 0}\n`);
    return Promise.resolve();
  },
  stopped: () => Promise.resolve(),
  destroyed: () => Promise.resolve(),
  exec: (guest, command, input) => Promise.resolve(runCommand(guestDisk(guest), command, input)),
  close: () => Promise.resolve(),
};
