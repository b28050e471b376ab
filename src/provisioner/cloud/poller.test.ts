import { beforeEach, expect, test } from 'vitest';
import { createVirtualClock, type VirtualClock } from '../../platform/virtual-clock.ts';
import { silentLog } from '../../ports/log.ts';
import { createPoller, type Poller } from './poller.ts';

const POLL_MS = 1_000;

let clock: VirtualClock;
let poller: Poller<'done' | 'lost'>;
/** How each stands; what is missing is unknown to the backend. */
let standing: Map<number, 'done' | 'running'>;
let asked: number[][];
let broken: 'yes' | 'no';

beforeEach(() => {
  clock = createVirtualClock();
  standing = new Map();
  asked = [];
  broken = 'no';
  poller = createPoller({
    async ask(ids) {
      asked.push([...ids]);
      if (broken === 'yes') throw new Error('no answer');
      return standing;
    },
    lost: 'lost',
    pauseMs: () => POLL_MS,
    clock,
    log: silentLog,
  });
});

const alive = () => new AbortController().signal;

/** What has become of a wait so far. */
function watch(wait: Promise<unknown>): { ending: unknown } {
  const seen: { ending: unknown } = { ending: 'waiting' };
  wait.then(
    (ending) => (seen.ending = ending),
    (error: unknown) => (seen.ending = error),
  );
  return seen;
}

test('everybody who waits is asked about together, and each is told once it has ended', async () => {
  standing.set(1, 'running').set(2, 'running');
  const [one, two] = [watch(poller.wait(1, alive(), 60_000)), watch(poller.wait(2, alive(), 60_000))];
  await clock.advance(POLL_MS);
  expect(asked).toEqual([[1, 2]]);
  standing.set(2, 'done');
  await clock.advance(POLL_MS);
  expect([one.ending, two.ending]).toEqual(['waiting', 'done']);
  await clock.advance(POLL_MS);
  expect(asked.at(-1)).toEqual([1]);
});

test('what is missing from one answer may not have arrived everywhere; from three, it is lost', async () => {
  const wait = watch(poller.wait(1, alive(), 60_000));
  await clock.advance(2 * POLL_MS);
  standing.set(1, 'running');
  await clock.advance(POLL_MS);
  standing.clear();
  await clock.advance(2 * POLL_MS);
  expect(wait.ending).toBe('waiting');
  await clock.advance(POLL_MS);
  expect(wait.ending).toBe('lost');
});

test('a backend that does not answer is asked some times more, and then whoever waits looks for himself', async () => {
  broken = 'yes';
  const wait = watch(poller.wait(1, alive(), 60_000));
  await clock.advance(4 * POLL_MS);
  expect(wait.ending).toBe('waiting');
  await clock.advance(POLL_MS);
  expect(wait.ending).toBe('lost');
});

test('a wait ends at its limit, when it is cancelled, and with the poller, and then nobody is asked about any more', async () => {
  standing.set(1, 'running').set(2, 'running').set(3, 'running');
  const cancel = new AbortController();
  const late = watch(poller.wait(1, alive(), 2_500));
  const cancelled = watch(poller.wait(2, cancel.signal, 60_000));
  const closed = watch(poller.wait(3, alive(), 60_000));
  cancel.abort(new Error('enough'));
  await clock.advance(3_000);
  expect(late.ending).toBe('lost');
  expect(cancelled.ending).toMatchObject({ kind: 'retry' });
  poller.close();
  await clock.advance(POLL_MS);
  expect(closed.ending).toBe('lost');
  const calls = asked.length;
  await clock.advance(60_000);
  expect(asked.length).toBe(calls);
  expect(await poller.wait(4, alive(), 60_000)).toBe('lost');
});
