import { describe, expect, test } from 'vitest';
import { type Body, createCaller, type Thing } from './caller.ts';

const DAY = 86_400_000;

describe('traffic', () => {
  const counted = (server: Thing): unknown[] => [server.ingoing_traffic, server.outgoing_traffic];

  test('is null before a server first ran, counts while it runs and stands still while it is off', () => {
    const { core, clock, order, get } = createCaller({ options: { bytesInPerSecond: 10, bytesOutPerSecond: 30 } });
    const id = order();
    expect(counted(get(id))).toEqual([null, null]);
    clock.advance(11_000 + 60_000);
    expect(counted(get(id))).toEqual([600, 1_800]);
    core.admin.powerOff(id);
    clock.advance(60_000);
    expect(counted(get(id))).toEqual([600, 1_800]);
    core.admin.addTraffic(id, 1, 2);
    expect(counted(get(id))).toEqual([601, 1_802]);
    core.admin.knowTraffic(id, false);
    expect(counted(get(id))).toEqual([null, null]);
  });

  test('starts again at 0 with each month', () => {
    const { clock, running, get } = createCaller({ options: { bytesInPerSecond: 0, bytesOutPerSecond: 1 } });
    const id = running();
    const january = new Date(clock.now());
    clock.advance(Date.UTC(january.getUTCFullYear(), january.getUTCMonth() + 1, 1) - clock.now() - 1_000);
    expect(get(id).outgoing_traffic).toBeGreaterThan(29 * 86_400);
    clock.advance(11_000);
    expect(get(id).outgoing_traffic).toBe(10);
  });
});

describe('metrics', () => {
  const ask = ({ call, clock }: ReturnType<typeof createCaller>, id: number, more: string, agoMs: number) => {
    const span = `start=${new Date(clock.now() - agoMs).toISOString()}&end=${new Date(clock.now()).toISOString()}`;
    return call('GET', `/servers/${id}/metrics?${span}&${more}`);
  };
  const values = (json: Body, name: string) => json.metrics?.time_series[name]?.values ?? [];

  test('are rates, as text, at most 200 of them unless asked for more, and never more than 500', () => {
    const caller = createCaller();
    const id = caller.running();
    caller.clock.advance(DAY);
    const { json } = ask(caller, id, 'type=network&type=cpu', 3_600_000);
    expect(Object.keys(json.metrics?.time_series ?? {})).toEqual([
      'network.0.pps.in',
      'network.0.pps.out',
      'network.0.bandwidth.in',
      'network.0.bandwidth.out',
      'cpu',
    ]);
    const out = values(json, 'network.0.bandwidth.out');
    expect(out.length).toBeLessThanOrEqual(201);
    for (const [at, value] of out)
      expect([typeof at, typeof value, Number(value) > 0]).toEqual(['number', 'string', true]);
    expect(ask(caller, id, 'type=cpu&step=1', 3_600_000).json.metrics?.step).toBe(8);
  });

  test('reach back 30 days, and not before the server', () => {
    const caller = createCaller();
    const id = caller.running();
    expect(values(ask(caller, id, 'type=cpu', DAY).json, 'cpu')).toHaveLength(1);
    caller.clock.advance(60 * DAY);
    const [[first] = [0, '']] = values(ask(caller, id, 'type=cpu', 50 * DAY).json, 'cpu');
    expect(first * 1_000).toBeGreaterThanOrEqual(caller.clock.now() - 30 * DAY);
  });

  test.each(['', 'type=heat', 'type=cpu&step=0'])('are refused for "%s"', (more) => {
    const caller = createCaller();
    expect(ask(caller, caller.running(), more, DAY).status).toBe(422);
  });

  test('are refused for a time that is none', () => {
    const caller = createCaller();
    expect(caller.call('GET', `/servers/${caller.running()}/metrics?type=cpu&start=yesterday&end=now`).status).toBe(
      422,
    );
  });
});
