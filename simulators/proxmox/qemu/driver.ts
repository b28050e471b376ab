import type { Pve } from '../call.ts';
import { memoryGuests } from '../guests/memory.ts';
import type { GuestDriver } from '../state.ts';

/** What gives this cluster's machines an inside; without a driver of its own they live in memory. */
export function driverOf({ driver }: Pve): GuestDriver {
  return driver ?? memoryGuests;
}
