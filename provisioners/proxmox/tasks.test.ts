import { describe, expect, test } from 'vitest';
import { manualClock } from '../../simulators/platform/manual-clock.ts';
import { type Clock, Secret, silentLog } from '../../src/provisioner/index.ts';
import { createPve, type Pve } from './api.ts';
import { waitForTask } from './tasks.ts';
import { findTasks } from './tasks-find.ts';
import { parseUpid } from './tasks-upid.ts';
import type { PveRequest, PveResponse } from './transport.ts';
import { data, scripted } from './transport-scripted.ts';

const TEXT = 'UPID:pve1:00004B50:00053E2D:6B02A8A8:qmclone:9000:dc@pve!agent:';
const upid = known(TEXT);
const never = new AbortController().signal;

function known(text: string) {
  const parsed = parseUpid(text);
  if (parsed === undefined) throw new Error(`${text} is no task`);
  return parsed.upid;
}

/** Sleeps end at once, and time passes by as much. */
function hastyClock(): Clock & { pauses: number[] } {
  const clock = manualClock();
  const pauses: number[] = [];
  return {
    ...clock,
    pauses,
    after(ms, fn) {
      // The client's own deadlines are longer than any pause, and never due here.
      if (ms > 10_000) return clock.after(ms, fn);
      pauses.push(ms);
      clock.advance(ms);
      queueMicrotask(fn);
      return () => {};
    },
  };
}

function host(answer: (request: PveRequest) => Partial<PveResponse> | Promise<Partial<PveResponse>>) {
  const clock = hastyClock();
  const transport = scripted(answer);
  const credentials = { how: 'token', id: 'dc@pve!agent', secret: new Secret('s3cret') } as const;
  const pve: Pve = createPve(transport, credentials, { clock, log: silentLog });
  return { clock, pve, asked: transport.asked };
}

const running = data({ status: 'running' });
const stopped = (exitstatus?: string) => data({ status: 'stopped', exitstatus });
const noSuchTask = {
  status: 400,
  statusText: 'Parameter verification failed.',
  body: '{"data":null,"errors":{"upid":"no such task"}}',
};

function waiting(clock: Clock, more: object = {}) {
  return { doing: 'clone it', clock, signal: never, limitMs: 600_000, ...more };
}

describe('the id of a task', () => {
  test('tells its node, when it began, and whose it is', () => {
    expect(parseUpid(TEXT)).toEqual({
      upid: TEXT,
      node: 'pve1',
      startedAt: 0x6b02a8a8 * 1000,
      type: 'qmclone',
      id: '9000',
      who: 'dc@pve!agent',
    });
    expect(parseUpid('UPID:a-b:00004B50:000053E2D:6B02A8A8:imgcopy::root@pam:')).toMatchObject({ node: 'a-b', id: '' });
  });

  test.each(['', 'OK', 'UPID:pve1:1:2:3:qmclone:9000:root@pam:', `${TEXT}x`, TEXT.replace('pve1', '../x')])(
    'is not made of anything else: %s',
    (text) => {
      expect(parseUpid(text)).toBeUndefined();
    },
  );
});

describe('a task that is waited for', () => {
  test('is asked about quickly first, then every two seconds', async () => {
    let looks = 0;
    const { pve, clock, asked } = host(() => (looks++ < 60 ? running : stopped('OK')));
    expect(await waitForTask(pve, upid, waiting(clock))).toEqual({ warnings: 0 });
    expect(clock.pauses[0]).toBe(100);
    expect(clock.pauses.at(-1)).toBe(2_000);
    expect(asked[0]?.path).toBe(`/api2/json/nodes/pve1/tasks/${encodeURIComponent(TEXT)}/status`);
  });

  test('with warnings has ended well', async () => {
    const { pve, clock } = host(() => stopped('WARNINGS: 2'));
    expect(await waitForTask(pve, upid, waiting(clock))).toEqual({ warnings: 2 });
  });

  test('that failed says why, and how its log ends', async () => {
    const { pve, clock } = host(({ path }) =>
      path.includes('/log')
        ? data([
            { n: 1, t: 'create linked clone' },
            { n: 2, t: 'TASK ERROR: VM is locked (backup)' },
          ])
        : stopped('VM is locked (backup)'),
    );
    await expect(waitForTask(pve, upid, waiting(clock))).rejects.toMatchObject({
      kind: 'retry',
      reason: 'locked',
      message: 'The task failed that was to clone it: VM is locked (backup); its log ends: create linked clone',
    });
  });

  test('that failed says so even when its log cannot be read', async () => {
    const { pve, clock } = host(({ path }) =>
      path.includes('/log') ? { status: 500, statusText: 'broken', body: '' } : stopped('something new'),
    );
    await expect(waitForTask(pve, upid, waiting(clock))).rejects.toMatchObject({
      kind: 'retry',
      message: expect.stringContaining('something new; its log could not be read') as string,
    });
  });

  test.each([
    ['its process died', () => stopped('unexpected status'), 'task-died'],
    ['it has no exit status', () => stopped(), 'task-died'],
    ['the node does not know it', () => noSuchTask, 'no-task'],
    ['the token may not ask', () => ({ status: 401, statusText: 'Authentication failed!', body: '' }), 'unauthorized'],
    ['it runs past the limit', () => running, 'task-running'],
    ['its node stays silent', () => ({ status: 595, statusText: 'No route to host', body: '' }), 'lost'],
  ])('is in the dark when %s', async (_, answer, reason) => {
    const { pve, clock } = host(({ path }) => (path.includes('/log') ? data([]) : answer()));
    await expect(waitForTask(pve, upid, waiting(clock))).rejects.toMatchObject({ kind: 'unknown-outcome', reason });
  });

  test('outlives a node that is silent for a while', async () => {
    let looks = 0;
    const trouble = [
      { status: 596, statusText: 'Broken pipe', body: '' },
      { status: 200, body: '<html>' },
      { status: 500, statusText: 'something', body: '' },
    ];
    const { pve, clock } = host(() => trouble[looks++] ?? stopped('OK'));
    expect(await waitForTask(pve, upid, waiting(clock))).toEqual({ warnings: 0 });
  });

  test('runs on when the wait is cancelled', async () => {
    const cancel = new AbortController();
    const { pve, clock, asked } = host(() => running);
    const onLook = () => cancel.abort(new Error('enough'));
    await expect(waitForTask(pve, upid, waiting(clock, { signal: cancel.signal, onLook }))).rejects.toMatchObject({
      kind: 'unknown-outcome',
      reason: 'cancelled',
    });
    expect(asked.map(({ method }) => method)).toEqual(['GET']);
  });
});

describe('a task whose id was lost', () => {
  const row = (text: string, status?: string) => ({ upid: text, node: 'pve1', status });

  test('is found among those of its type, guest and caller, newest first', async () => {
    const older = TEXT.replace('6B02A8A8', '6B02A000');
    const { pve, asked } = host(() =>
      data([
        row(older, 'OK'),
        row(TEXT, 'RUNNING'),
        row(TEXT.replace('!agent', '!other'), 'RUNNING'),
        row(TEXT.replace(':9000:', ':9001:'), 'RUNNING'),
        row(TEXT.replace('qmclone', 'qmstart')),
      ]),
    );
    const query = { node: 'pve1', type: 'qmclone', vmid: 9000, who: 'dc@pve!agent', since: 1_000_000_000 };
    expect((await findTasks(pve, query, never)).map(({ upid, state }) => [upid, state])).toEqual([
      [TEXT, 'running'],
      [older, 'ended'],
    ]);
    expect(asked[0]?.path).toBe(
      '/api2/json/nodes/pve1/tasks?typefilter=qmclone&vmid=9000&since=999700&source=all&limit=500',
    );
  });

  test('that runs may have no status at all', async () => {
    const { pve } = host(() => data([row(TEXT)]));
    expect(await findTasks(pve, { node: 'pve1', type: 'qmclone' }, never)).toMatchObject([{ state: 'running' }]);
  });
});
