import { beforeEach, describe, expect, test } from 'vitest';
import { createVirtualClock, type VirtualClock } from '../../src/platform/virtual-clock.ts';
import { ProvisionerError, silentLog, systemRandom } from '../../src/provisioner/index.ts';
import { createActions, endingOf } from './actions.ts';
import type { HetznerApi } from './api.ts';
import { createBudget } from './budget.ts';
import type { Action } from './wire.ts';

let clock: VirtualClock;
let asked: { lane: string; ids: readonly number[] }[];
/** What the API knows; an id that is missing is not known to it. */
let known: Map<number, Action>;
let fail: boolean;

beforeEach(() => {
  clock = createVirtualClock();
  asked = [];
  known = new Map();
  fail = false;
});

function open() {
  const api: Pick<HetznerApi, 'actions'> = {
    async actions(ids, { lane }) {
      asked.push({ lane, ids });
      if (fail) throw new ProvisionerError('retry', 'no answer');
      return ids.flatMap((id) => known.get(id) ?? []);
    },
  };
  return createActions({
    api,
    budget: createBudget({ clock, random: systemRandom, reserve: 0 }),
    clock,
    log: silentLog,
  });
}

const running = (id: number): Action => ({ id, command: 'create_server', status: 'running', error: null });
const success = (id: number): Action => ({ ...running(id), status: 'success' });
const asking = (signal = new AbortController().signal) => ({ lane: 'make', signal }) as const;

describe('waiting for actions', () => {
  test('asks for all of them together, 25 at a time, and ends for each when it ends', async () => {
    const actions = open();
    const ids = Array.from({ length: 30 }, (_, at) => at + 1);
    for (const id of ids) known.set(id, running(id));
    const endings = ids.map((id) => actions.settle([id], asking(), 60_000));
    await clock.advance(7_000);
    expect(asked.slice(0, 2).map((each) => each.ids.length)).toEqual([25, 5]);
    for (const id of ids) known.set(id, success(id));
    await clock.advance(7_000);
    expect(await Promise.all(endings)).toEqual(ids.map(() => [{ state: 'success' }]));
    const rounds = asked.length;
    await clock.advance(60_000);
    expect(asked).toHaveLength(rounds);
  });

  test('asks for nothing that is over already', async () => {
    const [ending] = await open().settle([success(1)], asking(), 1_000);
    expect(ending).toEqual({ state: 'success' });
    expect(asked).toEqual([]);
  });

  test('ends when the API has forgotten an action, instead of waiting for ever', async () => {
    const ending = open().settle([1], asking(), 3_600_000);
    await clock.advance(30_000);
    expect(await ending).toEqual([{ state: 'lost' }]);
    expect(asked).toHaveLength(3);
  });

  test('goes on over some answers that fail, and gives up after more', async () => {
    const actions = open();
    known.set(1, success(1));
    fail = true;
    const first = actions.settle([1], asking(), 3_600_000);
    await clock.advance(7_000);
    fail = false;
    await clock.advance(20_000);
    expect(await first).toEqual([{ state: 'success' }]);
    fail = true;
    const second = actions.settle([1], asking(), 3_600_000);
    await clock.advance(60_000);
    expect(await second).toEqual([{ state: 'lost' }]);
  });

  test('ends at its limit, and when it is cancelled', async () => {
    const actions = open();
    known.set(1, running(1));
    const late = actions.settle([1], asking(), 10_000);
    const cancel = new AbortController();
    const cancelled = actions.settle([1], asking(cancel.signal), 60_000).catch((error: unknown) => error);
    cancel.abort(new Error('enough'));
    expect(await cancelled).toMatchObject({ kind: 'retry' });
    await clock.advance(20_000);
    expect(await late).toEqual([{ state: 'lost' }]);
  });

  test('for a removal is not held up by others’ polls', async () => {
    const actions = open();
    known.set(1, success(1));
    const ending = actions.settle([1], { ...asking(), lane: 'remove' }, 60_000);
    await clock.advance(5_000);
    expect(await ending).toEqual([{ state: 'success' }]);
    expect(asked.map(({ lane }) => lane)).toEqual(['remove']);
  });

  test('asks less often after a minute and a half', async () => {
    const actions = open();
    known.set(1, running(1));
    void actions.settle([1], asking(), 3_600_000);
    await clock.advance(95_000);
    const before = asked.length;
    await clock.advance(60_000);
    expect(asked.length - before).toBeLessThanOrEqual(12);
  });
});

test('an error without a text is an error all the same', () => {
  const ending = endingOf({
    id: 1,
    command: 'start_server',
    status: 'error',
    error: { code: 'action_failed', message: '' },
  });
  expect(ending).toEqual({ state: 'error', command: 'start_server', code: 'action_failed', text: '' });
  expect(endingOf({ id: 1, status: 'error' })).toMatchObject({ state: 'error', code: 'unknown_error' });
});
