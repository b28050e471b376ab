import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createBudget, createUnlimitedBudget, type Priority, type RateBudget } from './budget.ts';
import { createVirtualClock, type VirtualClock } from './virtual-clock.ts';

function setup(write = 60): {
  clock: VirtualClock;
  budget: RateBudget;
  sent: [string, number][];
  ask: (name: string, priority: Priority) => void;
} {
  const clock = createVirtualClock();
  const budget = createBudget({ clock, limits: { read: 120, write } });
  const sent: [string, number][] = [];
  const ask = (name: string, priority: Priority): void => {
    void budget.take('write', priority).then(() => sent.push([name, clock.monotonic()]));
  };
  return { clock, budget, sent, ask };
}

describe('the rate budget', () => {
  it('lets a burst through at once and keeps a reserve for reports and heartbeats', async () => {
    const { clock, sent, ask, budget } = setup();
    for (let i = 0; i < 100; i++) ask('health', 'routine');
    await clock.advance(0);
    expect(sent).toHaveLength(45);
    for (let i = 0; i < 100; i++) ask('report', 'report');
    await clock.advance(0);
    expect(sent).toHaveLength(56);
    for (let i = 0; i < 4; i++) ask('heartbeat', 'heartbeat');
    await clock.advance(0);
    expect(sent).toHaveLength(60);
    expect(budget.waitMs('write', 'heartbeat')).toBe(61_000);
    await expect(budget.take('read', 'routine')).resolves.toBeUndefined();
  });

  it('serves the more urgent first when room returns, and each kind in its order', async () => {
    const { clock, sent, ask } = setup(1);
    ask('first', 'routine');
    await clock.advance(0);
    for (const [name, priority] of [
      ['h1', 'routine'],
      ['r1', 'report'],
      ['h2', 'routine'],
      ['r2', 'report'],
      ['beat', 'heartbeat'],
    ] as const) {
      ask(name, priority);
    }
    await clock.advance(600_000);
    expect(sent.map(([name]) => name)).toEqual(['first', 'beat', 'r1', 'r2', 'h1', 'h2']);
    expect(sent.map(([, at]) => at)).toEqual([0, 61_000, 122_000, 183_000, 244_000, 305_000]);
  });

  it('never exceeds the limit in any 60 s, whoever asks and whenever', async () => {
    const asks = fc.array(
      fc.record({
        wait: fc.integer({ min: 0, max: 20_000 }),
        priority: fc.constantFrom<Priority>('heartbeat', 'report', 'routine'),
      }),
      { maxLength: 60 },
    );
    await fc.assert(
      fc.asyncProperty(asks, fc.integer({ min: 1, max: 12 }), async (list, limit) => {
        const { clock, sent, ask } = setup(limit);
        for (const { wait, priority } of list) {
          await clock.advance(wait);
          ask(priority, priority);
        }
        await clock.advance(61_000 * 61);
        expect(sent).toHaveLength(list.length);
        const times = sent.map(([, at]) => at);
        times.forEach((at, i) => {
          expect((times[i + limit] ?? Number.POSITIVE_INFINITY) - at).toBeGreaterThan(60_000);
        });
      }),
      { numRuns: 30 },
    );
  });

  it('sends nothing of the tier while the platform asks for silence, heartbeats included', async () => {
    const { clock, sent, ask, budget } = setup();
    budget.throttled('write', 30_000);
    ask('beat', 'heartbeat');
    await budget.take('read', 'routine');
    await clock.advance(29_999);
    expect(sent).toEqual([]);
    await clock.advance(1);
    expect(sent).toEqual([['beat', 30_000]]);
  });

  it('lets a heartbeat through after two minutes of an asked silence, however long that is', async () => {
    const { clock, sent, ask, budget } = setup();
    budget.throttled('write', 900_000);
    ask('report', 'report');
    ask('beat', 'heartbeat');
    await clock.advance(119_999);
    expect(sent).toEqual([]);
    await clock.advance(900_000);
    expect(sent).toEqual([
      ['beat', 120_000],
      ['report', 900_000],
    ]);
  });

  it('lets heartbeats pass when everything else has spent all that it may', async () => {
    const { clock, sent, ask } = setup();
    for (let i = 0; i < 500; i++) ask('report', 'report');
    await clock.advance(0);
    for (let minute = 0; minute < 8; minute++) {
      ask('beat', 'heartbeat');
      const asked = clock.monotonic();
      await clock.advance(0);
      expect(sent.at(-1)).toEqual(['beat', asked]);
      await clock.advance(60_000);
    }
  });

  it('takes other limits, each on its own, and refuses nonsense', async () => {
    const clock = createVirtualClock();
    const lifted = createBudget({ clock, limits: { write: 600, read: undefined } });
    for (let i = 0; i < 560; i++) await lifted.take('write', 'report');
    expect(lifted.waitMs('write', 'report')).toBe(61_000);
    for (let i = 0; i < 112; i++) await lifted.take('read', 'report');
    expect(lifted.waitMs('read', 'report')).toBe(61_000);
    for (const write of [0, -1, 1.5, Number.NaN])
      expect(() => createBudget({ clock, limits: { write } })).toThrow(TypeError);
  });

  it('prolongs a wait that has begun when another 429 comes', async () => {
    const { clock, sent, ask, budget } = setup();
    budget.throttled('write', 30_000);
    ask('beat', 'heartbeat');
    await clock.advance(20_000);
    budget.throttled('write', 30_000);
    await clock.advance(29_999);
    expect(sent).toEqual([]);
    await clock.advance(1);
    expect(sent).toEqual([['beat', 50_000]]);
  });

  it('refuses at once what cannot be in time, and later what turned out so', async () => {
    const { clock, budget } = setup(1);
    await budget.take('write', 'report');
    const refusal = expect.objectContaining({ kind: 'throttled', retryAfterMs: 61_000 });
    await expect(budget.take('write', 'report', undefined, 30_000)).rejects.toEqual(refusal);
    void budget.take('write', 'heartbeat');
    const late = budget.take('write', 'report', undefined, 100_000).catch((error: unknown) => error);
    await clock.advance(100_000);
    expect(await late).toMatchObject({ name: 'PlatformError', kind: 'throttled' });
  });

  it('forgets a request whose caller gave up, and spends nothing on it', async () => {
    const { clock, budget, sent, ask } = setup(1);
    await budget.take('write', 'report');
    const controller = new AbortController();
    const given = budget.take('write', 'heartbeat', controller.signal);
    ask('next', 'routine');
    controller.abort(new Error('shutting down'));
    await expect(given).rejects.toThrow('shutting down');
    await expect(budget.take('write', 'report', controller.signal)).rejects.toThrow('shutting down');
    await clock.advance(61_000);
    expect(sent).toEqual([['next', 61_000]]);
  });

  it('without limits holds back only what the platform asks to hold back', async () => {
    const clock = createVirtualClock();
    const budget = createUnlimitedBudget(clock);
    for (let i = 0; i < 1000; i++) await budget.take('write', 'routine');
    budget.throttled('write', 5000);
    expect(budget.waitMs('write', 'routine')).toBe(5000);
  });
});
