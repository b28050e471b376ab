import type { Clock } from '../ports/clock.ts';
import { sleep } from '../ports/clock.ts';
import type { Random } from '../ports/random.ts';
import { jitter } from '../ports/random.ts';
import type { SshProbe } from './ssh-conversation.ts';
import { SshLine } from './ssh-line.ts';

export interface WaitOptions {
  /** Gets a signal that is aborted at the deadline too, and the line that all looks of this wait share. */
  readonly probe: (signal: AbortSignal, line: SshLine) => Promise<SshProbe>;
  readonly clock: Clock;
  readonly random: Random;
  /** How long to go on, in ms from now. */
  readonly deadlineMs: number;
  readonly signal: AbortSignal;
}

/**
 * Probes at once, then again after 100 ms, growing to one second, until the machine is ready. Returns the last finding when the
 * deadline came first. A refused key and a wrong host key are waited out too: both are normal while a machine's first
 * boot is still installing keys. Rejects with the signal's reason, or with the probe's own error.
 */
export async function waitUntilReady(options: WaitOptions): Promise<SshProbe> {
  const { clock, random, signal } = options;
  signal.throwIfAborted();
  const deadline = new AbortController();
  const onAbort = (): void => deadline.abort(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  const cancel = clock.after(options.deadlineMs, () => deadline.abort());
  const line = new SshLine(clock);
  let last: SshProbe = { state: 'not-yet', why: 'No probe was finished in time.' };
  try {
    for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(pause * GROWTH, LONGEST_PAUSE_MS)) {
      last = await options.probe(deadline.signal, line);
      if (last.state === 'ready') return last;
      await sleep(clock, jitter(random, pause), deadline.signal);
    }
  } catch (error) {
    signal.throwIfAborted();
    if (error === deadline.signal.reason) return last;
    throw error;
  } finally {
    line.close();
    cancel();
    signal.removeEventListener('abort', onAbort);
  }
}

const FIRST_PAUSE_MS = 100;
/** OpenSSH from 9.8 on holds about one second against an address for each visit without a login: once a second stays below its limit. */
const LONGEST_PAUSE_MS = 1000;
const GROWTH = 1.5;
