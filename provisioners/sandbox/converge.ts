import { type CallContext, type Clock, type OwnerStamp, ProvisionerError, sleep } from '../../src/provisioner/index.ts';
import type { Acceptance, SandboxClient } from './client.ts';
import type { Machine } from './schema.ts';
import { carries } from './stamp.ts';

/** What to do about a machine as it was just read; undefined stands for "there is no such machine". */
export type Move<T> =
  | { readonly done: T }
  | { readonly wait: string }
  | { readonly ask: string; readonly act: (signal: AbortSignal) => Promise<Acceptance> };

export interface Goal<T> {
  readonly id: string;
  readonly stamp: OwnerStamp;
  /** What to say when it takes too long: "machine 101 did not …". */
  readonly name: string;
  readonly limitMs: number;
  readonly move: (machine: Machine | undefined) => Move<T>;
}

/** Polls: quick at first, because most waits are short. */
const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 1_000;
/** An accepted order that shows no effect for this long was lost inside the backend: it is given again. */
const ASK_AGAIN_MS = 2_000;

/**
 * Leads one machine to a goal by reading it, judging what was read, and acting only on that: so the owner stamp has always
 * been read just before anything is changed. Throws `not-ours` for a stranger, `retry` after the limit or when cancelled.
 */
export async function converge<T>(
  client: SandboxClient,
  clock: Clock,
  { id, stamp, name, limitMs, move }: Goal<T>,
  { signal }: CallContext,
): Promise<T> {
  const startedAt = clock.monotonic();
  const asked = new Map<string, number>();
  let pauseMs = FIRST_PAUSE_MS;
  for (;;) {
    const machine = await client.get(id, signal);
    if (machine && !carries(machine, stamp)) {
      throw new ProvisionerError('not-ours', `machine ${id} does not carry the stamp of this contract and operation`);
    }
    const next = move(machine);
    if ('done' in next) return next.done;
    const now = clock.monotonic();
    if (now - startedAt > limitMs) {
      const state = machine?.state ?? 'absent';
      throw new ProvisionerError('retry', `machine ${id} did not ${name} in ${limitMs / 1000} s (it is ${state})`);
    }
    const last = 'ask' in next ? asked.get(next.ask) : undefined;
    if ('ask' in next && (last === undefined || now - last >= ASK_AGAIN_MS)) {
      const accepted = await next.act(signal);
      if (accepted === 'accepted') {
        asked.set(next.ask, now);
        // Read again at once: what took no time needs no pause.
        continue;
      }
    }
    await pause(clock, pauseMs, signal);
    pauseMs = Math.min(LONGEST_PAUSE_MS, pauseMs * 1.5);
  }
}

/** Sleeps; a cancelled sleep is an error of the one kind that plugins throw. */
export async function pause(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  try {
    await sleep(clock, ms, signal);
  } catch (cause) {
    throw new ProvisionerError('retry', 'cancelled while waiting for the sandbox', { cause });
  }
}
