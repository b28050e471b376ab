import type { GuestDriver } from '../state.ts';
import { applyCloudInit } from './cloud-init.ts';
import { runCommand } from './commands.ts';
import { guestDisk } from './disk.ts';

/** Machines whose inside is a few files in memory: enough for the guest agent, with nothing to connect to. */
export const memoryGuests: GuestDriver = {
  started(guest, documents) {
    applyCloudInit(guestDisk(guest), documents);
    return Promise.resolve();
  },
  stopped: () => Promise.resolve(),
  destroyed: () => Promise.resolve(),
  exec: (guest, command, input) => Promise.resolve(runCommand(guestDisk(guest), command, input)),
  close: () => Promise.resolve(),
};
