import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import ssh2 from 'ssh2';
import { describe, expect, test } from 'vitest';
import { keyPair } from '../../simulators/sandbox/key-pair.ts';
import { type Clock, systemClock } from '../ports/clock.ts';
import { type Random, systemRandom } from '../ports/random.ts';
import { systemGuest } from './index.ts';
import type { SshProbe } from './ssh-conversation.ts';
import { sshFingerprint, sshKeyBlob } from './ssh-key.ts';
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

  test('sees a real server come up, install the key and accept it', async () => {
    const keys = keyPair(ssh2);
    const tenant = keyPair(ssh2).public.trim();
    let questions = 0;
    const server = new ssh2.Server({ hostKeys: [keys.private] }, (client) => {
      client.on('error', () => {});
      client.on('authentication', (attempt) => {
        questions += 1;
        // The first boot is still installing keys.
        if (questions <= 2) attempt.reject(['publickey']);
        else attempt.accept();
      });
    });
    const port = await freePort();
    const seen: string[] = [];
    try {
      const result = await waitUntilReady({
        clock: systemClock,
        random: systemRandom,
        deadlineMs: 50_000,
        signal: new AbortController().signal,
        probe: async (signal) => {
          const target = { host: '127.0.0.1', port, user: 'root', sshKey: tenant, timeoutMs: 20_000 };
          const probe = await systemGuest.probeSsh(target, signal);
          seen.push(probe.state);
          if (seen.length === 1) await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
          return probe;
        },
      });
      expect(result).toMatchObject({ state: 'ready', hostKey: sshFingerprint(sshKeyBlob(keys.public.trim())) });
      expect(seen).toEqual(['not-yet', 'key-refused', 'key-refused', 'ready']);
    } finally {
      server.close();
    }
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

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
