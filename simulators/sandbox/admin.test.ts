import { describe, expect, test } from 'vitest';
import { createCaller, ORDER } from './caller.ts';

describe('behind the API’s back', () => {
  test('a host that plays dead refuses everybody, and its machines run on', () => {
    const { core, call, running } = createCaller();
    const { ssh } = running();
    core.admin.setReachable(false);
    expect(call('GET', '/about').delivery).toBe('refuse');
    expect(core.sshAt(ssh?.port ?? 0)?.ready).toBe(true);
    core.admin.setReachable(true);
    expect(call('GET', '/about').status).toBe(200);
  });

  test('a machine goes off by itself and can be started again', () => {
    const { core, call, clock, running, get } = createCaller();
    const { id } = running();
    core.admin.powerOff(id);
    expect(get(id)).toMatchObject({ state: 'stopped', uptime_ms: null });
    call('POST', `/machines/${id}/start`);
    clock.advance(1_000);
    expect(get(id).state).toBe('running');
  });

  test('a machine disappears, in the middle of whatever it did', () => {
    const { core, call, clock } = createCaller();
    const { id = '' } = call('POST', '/machines', ORDER).json;
    core.admin.lose(id);
    clock.advance(10_000);
    expect(call('GET', `/machines/${id}`).json.error?.code).toBe('no_such_machine');
    expect(() => core.admin.lose(id)).toThrow(`no machine ${id}`);
  });

  test('a stranger stands beside ours, under any name and labels', () => {
    const { core, get } = createCaller();
    const id = core.admin.addForeign({ name: 'dc-01', labels: { who: 'me' }, running: false });
    expect(get(id)).toMatchObject({ name: 'dc-01', labels: { who: 'me' }, state: 'stopped' });
    expect(core.admin.addForeign()).not.toBe(id);
  });

  test('a second machine with the same labels appears', () => {
    const { core, machine, get } = createCaller();
    const one = machine();
    const twin = get(core.admin.duplicate(one.id));
    expect(twin).toMatchObject({ name: one.name, labels: one.labels, state: 'stopped' });
    expect(twin.id).not.toBe(one.id);
  });
});

describe('a node', () => {
  const spread = () => {
    const caller = createCaller({ options: { nodes: 2 } });
    return { ...caller, here: caller.running(), there: caller.running() };
  };

  test('gets its share of the machines', () => {
    const { here, there, machine } = spread();
    expect([here.node, there.node]).toEqual(['node-1', 'node-2']);
    expect(machine().node).toBe('node-1');
  });

  test('that is lost takes its machines out of sight, but not off', () => {
    const { core, call, here, there } = spread();
    core.admin.loseNode('node-1');
    const { complete, machines } = call('GET', '/machines').json;
    expect({ complete, ids: machines?.map((one) => one.id) }).toEqual({ complete: false, ids: [there.id] });
    expect(call('GET', `/machines/${here.id}`)).toMatchObject({
      status: 503,
      json: { error: { code: 'unavailable' } },
    });
    expect(call('DELETE', `/machines/${here.id}`).status).toBe(503);
    expect(call('GET', '/traffic').json.machines).toHaveLength(1);
    expect(core.sshAt(here.ssh?.port ?? 0)?.ready).toBe(true);
  });

  test('that is lost gets no new machines', () => {
    const { core, call, machine } = spread();
    core.admin.loseNode('node-1');
    expect([machine().node, machine().node]).toEqual(['node-2', 'node-2']);
    core.admin.loseNode('node-2');
    expect(call('POST', '/machines', ORDER).status).toBe(503);
  });

  test.each([
    [false, 'running'],
    [true, 'stopped'],
  ])('that comes back (rebooted: %s) has its machines %s', (rebooted, state) => {
    const { core, call, get, here, there } = spread();
    core.admin.loseNode('node-1');
    core.admin.returnNode('node-1', { rebooted });
    expect(get(here.id).state).toBe(state);
    expect(get(there.id).state).toBe('running');
    expect(call('GET', '/machines').json.complete).toBe(true);
  });

  test('that does not exist cannot be lost', () => {
    expect(() => spread().core.admin.loseNode('node-9')).toThrow('it has node-1, node-2');
  });
});
