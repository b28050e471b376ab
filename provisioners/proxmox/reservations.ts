import type { Clock } from '../../src/provisioner/index.ts';

/** Room that a machine was given and that no list shows yet as taken. */
export interface Reservation {
  readonly vmid: number;
  readonly node: string;
  readonly memoryBytes: number;
  /** Storages by name; a storage that is not shared is one of its node only. */
  readonly storage: string;
  readonly storageBytes: number;
  readonly address?: string;
}

export interface Reservations {
  all(): readonly Reservation[];
  /** Replaces what was reserved for this VMID. */
  hold(reservation: Reservation): void;
  /** Adds an address to what is held for a machine, or holds that alone. */
  holdAddress(vmid: number, node: string, address: string): void;
  /** Gives the room back: soon, when the machine exists and lists will show it, else at once. */
  release(vmid: number, made: 'made' | 'given-up'): void;
}

/** pvestatd's rounds are 10 s apart; until then a list shows the template's size. */
const LIST_LAG_MS = 30_000;

/** Creates that run at the same time must not be promised the same memory, space or address. */
export function createReservations(clock: Clock): Reservations {
  const held = new Map<number, { reservation: Reservation; until: number }>();
  return {
    all() {
      const now = clock.monotonic();
      for (const [vmid, { until }] of held) if (until <= now) held.delete(vmid);
      return [...held.values()].map(({ reservation }) => reservation);
    },
    hold: (reservation) => void held.set(reservation.vmid, { reservation, until: Number.POSITIVE_INFINITY }),
    holdAddress(vmid, node, address) {
      const before = held.get(vmid)?.reservation ?? { vmid, node, memoryBytes: 0, storage: '', storageBytes: 0 };
      held.set(vmid, { reservation: { ...before, address }, until: Number.POSITIVE_INFINITY });
    },
    release(vmid, made) {
      const entry = held.get(vmid);
      if (entry === undefined) return;
      if (made === 'given-up') held.delete(vmid);
      else held.set(vmid, { ...entry, until: clock.monotonic() + LIST_LAG_MS });
    },
  };
}
