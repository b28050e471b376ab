import { TURNED_AWAY } from './netd-protocol.ts';

/** One connection of the helper's, as far as others have to make room for it or it for them. */
export interface Guest {
  /** Ends it, saying why. */
  leave(why: string): void;
}

interface Presence {
  /** `waits`: for its turn, with a whole request; `works`: its request is being done. */
  state: 'idle' | 'waits' | 'works';
  answered: number;
  bytes: number;
}

/**
 * Who is connected to the helper. There is room for so many, and for so much of what they have sent: whoever keeps it without asking for
 * anything goes first, and a newcomer is let in. So a process that only holds connections, or sends without an end, keeps nobody else out.
 */
export class Crowd {
  readonly #places: number;
  #freeBytes: number;
  /** In the order of their last change: the first of those that are idle has been so for longest. */
  readonly #guests = new Map<Guest, Presence>();

  constructor(limits: { readonly places: number; readonly bytes: number }) {
    this.#places = limits.places;
    this.#freeBytes = limits.bytes;
  }

  get size(): number {
    return this.#guests.size;
  }

  enter(guest: Guest): void {
    this.#guests.set(guest, { state: 'idle', answered: 0, bytes: 0 });
    if (this.#guests.size <= this.#places) return;
    (this.#leastMissed(guest) ?? guest).leave(TURNED_AWAY);
  }

  /** Gone, with all that it held. */
  left(guest: Guest): void {
    this.#freeBytes += this.#guests.get(guest)?.bytes ?? 0;
    this.#guests.delete(guest);
  }

  waits(guest: Guest): void {
    this.#change(guest, 'waits', 0);
  }

  works(guest: Guest): void {
    this.#change(guest, 'works', 0);
  }

  answered(guest: Guest): void {
    this.#change(guest, 'idle', 1);
  }

  /** Where there is no room for so many bytes more, whoever holds most goes. `false` when that is this guest. */
  hold(guest: Guest, bytes: number): boolean {
    const own = this.#guests.get(guest);
    if (own === undefined) return false;
    own.bytes += bytes;
    this.#freeBytes -= bytes;
    while (this.#freeBytes < 0) {
      const [largest] = [...this.#guests].sort(([, one], [, other]) => other.bytes - one.bytes);
      if (largest === undefined) break;
      largest[0].leave('too much was sent at once by all connections together, and most of it by this one');
      this.left(largest[0]);
    }
    return this.#guests.has(guest);
  }

  #change(guest: Guest, state: Presence['state'], answered: number): void {
    const presence = this.#guests.get(guest);
    if (presence === undefined) return;
    this.#guests.delete(guest);
    this.#guests.set(guest, { ...presence, state, answered: presence.answered + answered });
  }

  /** Who asks for nothing, for longest; else of those that wait the one that has had most. What is being done is never broken off. */
  #leastMissed(newcomer: Guest): Guest | undefined {
    let found: Guest | undefined;
    let most = 0;
    for (const [guest, { state, answered }] of this.#guests) {
      if (guest === newcomer) continue;
      if (state === 'idle') return guest;
      if (state === 'waits' && answered > most) [found, most] = [guest, answered];
    }
    return found;
  }
}
