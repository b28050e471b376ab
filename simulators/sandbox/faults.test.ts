import { describe, expect, test } from 'vitest';
import { createCaller, ORDER } from './caller.ts';
import type { Fault } from './faults.ts';

describe('a fault of the wire', () => {
  test.each<[Fault, delivery: string, machines: number]>([
    [{ kind: 'refuse' }, 'refuse', 0],
    [{ kind: 'drop-before' }, 'drop', 0],
    [{ kind: 'drop-after' }, 'drop', 1],
    [{ kind: 'truncate' }, 'truncate', 1],
    [{ kind: 'hang' }, 'hang', 1],
    [{ kind: 'hang-before' }, 'hang', 0],
    [{ kind: 'garbage' }, 'answer', 1],
    [{ kind: 'delay', ms: 500 }, 'answer', 1],
    [{ kind: 'delay', ms: 500, at: 'before' }, 'drop', 0],
    [{ kind: 'status', status: 503 }, 'answer', 0],
    [{ kind: 'status', status: 500, processed: true }, 'answer', 1],
  ])('%o is delivered as "%s" and leaves %i machine behind', (fault, delivery, machines) => {
    const { core, call } = createCaller();
    core.faults.add({ call: 'create', fault });
    expect(call('POST', '/machines', ORDER).delivery).toBe(delivery);
    expect(core.machines.size).toBe(machines);
    expect(core.faults.pending).toBe(0);
  });

  test('a request that is late is processed when it arrives', () => {
    const { core, call } = createCaller();
    core.faults.add({ call: 'create', fault: { kind: 'delay', ms: 500, at: 'before' } });
    const { delayMs, resume } = call('POST', '/machines', ORDER);
    expect(delayMs).toBe(500);
    expect(resume?.()).toMatchObject({ status: 201, delivery: 'answer' });
    expect(core.machines.size).toBe(1);
  });

  test('an answer from something else is no JSON', () => {
    const { core, call } = createCaller();
    core.faults.add({ call: 'list', fault: { kind: 'garbage' } });
    expect(call('GET', '/machines')).toMatchObject({ status: 200, headers: { 'content-type': 'text/html' } });
  });

  test.each([
    [429, 'too_many_requests'],
    [500, 'internal'],
    [503, 'unavailable'],
  ] as const)('%i is said as %s, with the time to wait', (status, code) => {
    const { core, call } = createCaller();
    core.faults.add({ call: 'get', fault: { kind: 'status', status, retryAfterSeconds: 7 } });
    expect(call('GET', '/machines/101')).toMatchObject({
      status,
      headers: { 'retry-after': '7' },
      json: { error: { code } },
    });
  });
});

describe('a fault of the host', () => {
  test('no-capacity: the create is refused', () => {
    const { core, call } = createCaller();
    core.faults.add({ call: 'create', fault: { kind: 'no-capacity' } });
    expect(call('POST', '/machines', ORDER).json.error?.code).toBe('no_capacity');
    expect(core.machines.size).toBe(0);
  });

  test('slow-create: the machine takes its time', () => {
    const { core, call, clock, get } = createCaller();
    core.faults.add({ call: 'create', fault: { kind: 'slow-create', ms: 60_000 } });
    const { id = '' } = call('POST', '/machines', ORDER).json;
    clock.advance(59_999);
    expect(get(id).state).toBe('creating');
    clock.advance(1);
    expect(get(id).state).toBe('stopped');
  });

  test('half-create: a broken machine stays, carries its labels and can only be deleted', () => {
    const { core, call, machine, clock } = createCaller();
    core.faults.add({ call: 'create', fault: { kind: 'half-create' } });
    const broken = machine();
    expect(broken).toMatchObject({ state: 'failed', failure: 'the disk could not be written', labels: ORDER.labels });
    expect(call('POST', `/machines/${broken.id}/start`).json.error?.code).toBe('busy');
    expect(call('DELETE', `/machines/${broken.id}`).status).toBe(202);
    clock.advance(1_000);
    expect(core.machines.size).toBe(0);
  });

  test.each(['configure', 'start', 'stop', 'delete'] as const)('ignore: %s is accepted and does nothing', (name) => {
    const { core, call, machine, running, clock, get } = createCaller();
    const before = name === 'stop' ? running() : machine();
    core.faults.add({ call: name, fault: { kind: 'ignore' } });
    const path = { configure: '/config', start: '/start', stop: '/stop', delete: '' }[name];
    const method = { configure: 'PUT', start: 'POST', stop: 'POST', delete: 'DELETE' }[name];
    const answer = call(method, `/machines/${before.id}${path}`, { hostname: 'other' });
    expect([200, 202]).toContain(answer.status);
    clock.advance(10_000);
    expect(get(before.id).state).toBe(before.state);
  });

  test('flap: the state shown is not the state', () => {
    const { core, call, running, get } = createCaller();
    const { id } = running();
    core.faults.add({ call: 'get', fault: { kind: 'flap', state: 'stopped' } });
    core.faults.add({ call: 'list', fault: { kind: 'flap', state: 'failed' } });
    expect(get(id).state).toBe('stopped');
    expect(call('GET', '/machines').json.machines?.[0]?.state).toBe('failed');
    expect(get(id).state).toBe('running');
    expect(core.machines.get(id)?.state).toBe('running');
  });
});

describe('a list that lies', () => {
  test('leaves half of the machines out and says so', () => {
    const { core, call, machine } = createCaller();
    for (let count = 0; count < 4; count++) machine();
    core.faults.add({ call: 'list', fault: { kind: 'list-partial' } });
    const { complete, machines } = call('GET', '/machines').json;
    expect({ complete, count: machines?.length }).toEqual({ complete: false, count: 2 });
  });

  test('is empty and claims to be complete', () => {
    const { core, call, machine } = createCaller();
    machine();
    core.faults.add({ call: 'list', fault: { kind: 'list-empty' } });
    expect(call('GET', '/machines').json).toEqual({ complete: true, machines: [] });
    expect(call('GET', '/machines').json.machines).toHaveLength(1);
  });

  test('shows what the list before it showed', () => {
    const { core, call, machine } = createCaller();
    const { id } = machine();
    call('GET', '/machines');
    core.admin.lose(id);
    machine();
    core.faults.add({ call: 'list', fault: { kind: 'list-stale' } });
    expect(call('GET', '/machines').json.machines?.map((one) => one.id)).toEqual([id]);
  });
});

describe('a rule', () => {
  test('strikes as often as it says, after as many calls as it says, on the machine that it names', () => {
    const { core, machine, call } = createCaller();
    const [one, two] = [machine(), machine()];
    core.faults.add({
      call: 'get',
      machine: one.id,
      skip: 1,
      times: 2,
      fault: { kind: 'status', status: 500 },
    });
    const status = (id: string) => call('GET', `/machines/${id}`).status;
    expect([two.id, one.id, two.id, one.id, one.id, one.id].map(status)).toEqual([200, 200, 200, 500, 500, 200]);
  });

  test('can be disarmed', () => {
    const { core, call } = createCaller();
    const disarm = core.faults.add({ call: 'any', times: 100, fault: { kind: 'drop-before' } });
    expect(call('GET', '/about').delivery).toBe('drop');
    disarm();
    expect(call('GET', '/about').status).toBe(200);
    core.faults.add({ call: 'any', fault: { kind: 'drop-before' } });
    core.faults.clear();
    expect(call('GET', '/about').status).toBe(200);
  });

  test('comes before chaos, which is asked for every other call', () => {
    const asked: string[] = [];
    const { core, call } = createCaller({
      chaos(name, machine) {
        asked.push(`${name} ${machine ?? '-'}`);
        return name === 'get' ? { kind: 'status', status: 503 } : undefined;
      },
    });
    core.faults.add({ call: 'about', fault: { kind: 'drop-before' } });
    expect(call('GET', '/about').delivery).toBe('drop');
    expect(call('GET', '/machines/101').status).toBe(503);
    expect(call('GET', '/machines').status).toBe(200);
    expect(asked).toEqual(['get 101', 'list -']);
    expect(core.calls).toMatchObject({ about: 1, get: 1, list: 1, create: 0 });
  });
});
