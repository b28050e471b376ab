import { describe, expect, test } from 'vitest';
import type { Clock } from '../ports/clock.ts';
import type { Random } from '../ports/random.ts';
import type { SshProbe } from './readiness.ts';
import { waitUntilReady } from './wait.ts';

/** Time that passes only by timers firing, one after the other. */
function virtualClock(): Clock & { run(): Promise<void> } {
  let now = 0;
  const timers = new Set<{ at: number; fn: () => void }>();
  return {
    now: () => now,
    monotonic: () => now,
    after(ms, fn) {
      const timer = { at: now + ms, fn };
      timers.add(timer);
      return () => timers.delete(timer);
    },
    async run() {
      for (;;) {
        await new Promise((resolve) => setImmediate(resolve));
        const next = [...timers].sort((a, b) => a.at - b.at)[0];
        if (next === undefined) return;
        timers.delete(next);
        now = next.at;
        next.fn();
      }
    },
  };
}

const middle: Random = { float: () => 0.5, bytes: (count) => new Uint8Array(count), uuid: () => '' };
const ready: SshProbe = { state: 'ready', hostKey: 'SHA256:x', latencyMs: 1 };
const refused: SshProbe = { state: 'key-refused', hostKey: 'SHA256:x' };

describe('waitUntilReady', () => {
  test('probes at once, then after 100 ms growing to a second', async () => {
    const clock = virtualClock();
    const times: number[] = [];
    const result = waitUntilReady({
      clock,
      random: middle,
      deadlineMs: 60_000,
      signal: new AbortController().signal,
      probe: async () => {
        times.push(Math.round(clock.monotonic()));
        return times.length === 10 ? ready : refused;
      },
    });
    await clock.run();
    expect(await result).toBe(ready);
    const pauses = times.slice(1).map((at, index) => at - (times[index] ?? 0));
    expect(times[0]).toBe(0);
    expect(pauses).toEqual([100, 150, 225, 337, 507, 759, 1000, 1000, 1000].map((ms) => expect.closeTo(ms, -1)));
  });

  test('returns the last finding at the deadline', async () => {
    const clock = virtualClock();
    const options = { clock, random: middle, deadlineMs: 5000, signal: new AbortController().signal };
    const result = waitUntilReady({ ...options, probe: async () => refused });
    await clock.run();
    expect(await result).toBe(refused);
    expect(clock.monotonic()).toBe(5000);
  });

  test('cuts a probe that hangs at the deadline', async () => {
    const clock = virtualClock();
    const hang = (signal: AbortSignal): Promise<SshProbe> =>
      new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
    const options = { clock, random: middle, deadlineMs: 5000, signal: new AbortController().signal };
    const result = waitUntilReady({ ...options, probe: hang });
    await clock.run();
    expect(await result).toEqual({ state: 'not-yet', why: 'No probe was finished in time.' });
  });

  test('rejects with the reason when it is aborted, and leaves no timer behind', async () => {
    const clock = virtualClock();
    const abort = new AbortController();
    const reason = new Error('shutting down');
    const result = waitUntilReady({
      clock,
      random: middle,
      deadlineMs: 5000,
      signal: abort.signal,
      probe: async () => {
        abort.abort(reason);
        return refused;
      },
    });
    await expect(result).rejects.toBe(reason);
    await clock.run();
    expect(clock.monotonic()).toBe(0);
  });

  test("passes on the probe's own error", async () => {
    const broken = new Error('a bug');
    const options = { clock: virtualClock(), random: middle, deadlineMs: 5000, signal: new AbortController().signal };
    await expect(waitUntilReady({ ...options, probe: () => Promise.reject(broken) })).rejects.toBe(broken);
  });
});
