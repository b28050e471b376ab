import type { Clock } from '../../src/provisioner/index.ts';

/** What this process itself saw of a machine's power a moment ago, which lists show late. */
export interface PowerNotes {
  note(vmid: number, power: 'running' | 'stopped'): void;
  get(vmid: number): 'running' | 'stopped' | undefined;
}

/** Seen on real hosts: up to 9.4 s until a list shows a start or stop. */
const LIST_LAG_MS = 15_000;

export function createPowerNotes(clock: Clock): PowerNotes {
  const notes = new Map<number, { power: 'running' | 'stopped'; at: number }>();
  return {
    note(vmid, power) {
      const now = clock.monotonic();
      for (const [old, { at }] of notes) if (now - at >= LIST_LAG_MS) notes.delete(old);
      notes.set(vmid, { power, at: now });
    },
    get(vmid) {
      const note = notes.get(vmid);
      return note !== undefined && clock.monotonic() - note.at < LIST_LAG_MS ? note.power : undefined;
    },
  };
}
