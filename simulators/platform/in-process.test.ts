import { describe, expect, test } from 'vitest';
import type { WireResponse } from '../../src/platform/transport.ts';
import { inProcessTransport } from './in-process.ts';
import { cheapSigning, signRequest } from './sign.ts';
import { createStory, type Story, seededRandom } from './story.ts';

/** Calls to one contract's lock through the transport; `state()` tells what became of each, without waiting. */
function setting(latencyMs: number | (() => number) = 0) {
  const story = createStory();
  const { id } = story.rent();
  const send = inProcessTransport(story.core, { clock: story.clock, latencyMs });
  const path = `/api/v1/providers/${story.provider}/contracts/${id}/lock`;
  const identity = { seed: story.agent.key, header: 'x-agent-pubkey', clock: story.clock } as const;
  const call = (signal?: AbortSignal) => {
    const headers = signRequest({ ...identity, random: seededRandom(2), signing: cheapSigning }, 'POST', path);
    const request = { method: 'POST', path, headers, timeoutMs: 1000, ...(signal ? { signal } : {}) } as const;
    let state = 'waiting';
    const done = send(request).then(
      (response: WireResponse) => {
        state = `answered ${response.status}`;
      },
      (error: unknown) => {
        state = error instanceof Error ? error.message : 'not an error';
      },
    );
    return { state: () => state, done };
  };
  return { story, call, isLocked: () => story.core.locks.size === 1 };
}

/** Lets every promise that can settle do so. */
async function settle(): Promise<void> {
  for (let i = 0; i < 20; i++) await Promise.resolve();
}

const advance = async (story: Story, ms: number) => {
  story.clock.advance(ms);
  await settle();
};

describe('the platform without sockets', () => {
  test('answers in a microtask when nothing delays it', async () => {
    const { call, isLocked } = setting();
    const { done, state } = call();
    await done;
    expect([state(), isLocked()]).toEqual(['answered 200', true]);
  });

  test('takes the latency there and back again', async () => {
    const { story, call, isLocked } = setting(10);
    const { state } = call();
    await advance(story, 9);
    expect(isLocked()).toBe(false);
    await advance(story, 1);
    expect([isLocked(), state()]).toEqual([true, 'waiting']);
    await advance(story, 10);
    expect(state()).toBe('answered 200');
  });

  test('adds delays, and holds the effect back', async () => {
    const { story, call, isLocked } = setting(1);
    story.core.faults.add({ route: 'lock', fault: { kind: 'hold', ms: 100 } });
    const { state } = call();
    await advance(story, 100);
    expect(isLocked()).toBe(false);
    await advance(story, 1);
    await advance(story, 1);
    expect([isLocked(), state()]).toEqual([true, 'answered 200']);
  });

  test.each([
    ['drop-before', 'socket hang up', false],
    ['drop-after', 'socket hang up', true],
    ['truncate', 'The connection ended after', true],
  ] as const)('%s breaks the call', async (kind, message, effect) => {
    const { story, call, isLocked } = setting();
    story.core.faults.add({ route: 'lock', fault: { kind } });
    const { done, state } = call();
    await done;
    expect(state()).toContain(message);
    expect(isLocked()).toBe(effect);
  });

  test('gives up at the limit, while a held request still takes effect later', async () => {
    const { story, call, isLocked } = setting();
    story.core.faults.add({ route: 'lock', fault: { kind: 'hold', ms: 5000 } });
    const { state } = call();
    await settle();
    await advance(story, 1000);
    expect([state(), isLocked()]).toEqual(['No answer within 1000 ms', false]);
    await advance(story, 4000);
    expect(isLocked()).toBe(true);
  });

  test('a caller that leaves before the request arrived has sent nothing; later it has', async () => {
    for (const [leaveAfter, effect] of [
      [5, false],
      [15, true],
    ] as const) {
      const { story, call, isLocked } = setting(10);
      const controller = new AbortController();
      const { state } = call(controller.signal);
      await advance(story, leaveAfter);
      controller.abort(new Error('enough'));
      await advance(story, 100);
      expect([state(), isLocked()]).toEqual(['enough', effect]);
    }
  });

  test('a caller that leaves at once has sent nothing, even where the network takes no time', async () => {
    const { call, isLocked } = setting();
    const controller = new AbortController();
    const { done, state } = call(controller.signal);
    controller.abort(new Error('enough'));
    await done;
    await settle();
    expect([state(), isLocked()]).toEqual(['enough', false]);
  });

  test('an answer that never comes ends by the limit alone', async () => {
    const { story, call } = setting();
    story.core.faults.add({ route: 'lock', fault: { kind: 'hang' } });
    const { state } = call();
    await advance(story, 999);
    expect(state()).toBe('waiting');
    await advance(story, 1);
    expect(state()).toBe('No answer within 1000 ms');
  });
});
