import { describe, expect, test } from 'vitest';
import { createCaller, ORDER } from './caller.ts';

describe('a machine', () => {
  test('is made, started, stopped and deleted in its own time', () => {
    const { call, clock, get, core } = createCaller();
    const made = call('POST', '/machines', ORDER);
    expect(made.status).toBe(201);
    const id = made.json.id ?? '';
    expect(made.json).toMatchObject({ name: 'one', labels: { who: 'me' }, state: 'creating', uptime_ms: null });
    clock.advance(299);
    expect(get(id).state).toBe('creating');
    clock.advance(1);
    expect(get(id).state).toBe('stopped');

    expect(call('POST', `/machines/${id}/start`)).toMatchObject({ status: 202, json: { state: 'starting' } });
    clock.advance(50);
    expect(get(id)).toMatchObject({ state: 'running', uptime_ms: 0 });
    clock.advance(1_000);
    expect(get(id).uptime_ms).toBe(1_000);

    expect(call('POST', `/machines/${id}/stop`)).toMatchObject({ status: 202, json: { state: 'stopping' } });
    clock.advance(100);
    expect(get(id)).toMatchObject({ state: 'stopped', uptime_ms: null });

    expect(call('DELETE', `/machines/${id}`)).toMatchObject({ status: 202, json: { state: 'deleting' } });
    clock.advance(100);
    expect(call('GET', `/machines/${id}`)).toMatchObject({ status: 404, json: { error: { code: 'no_such_machine' } } });
    expect(core.machines.size).toBe(0);
  });

  test('is reached by SSH at one address for life, and only while it runs and has booted', () => {
    const { call, clock, get, core, machine } = createCaller();
    const { id, ssh } = machine();
    const port = ssh?.port ?? 0;
    expect(core.sshAt(port)?.ready).toBe(false);
    call('POST', `/machines/${id}/start`);
    clock.advance(599);
    expect(get(id).state).toBe('running');
    expect(core.sshAt(port)?.ready).toBe(false);
    clock.advance(1);
    expect(core.sshAt(port)).toMatchObject({ ready: true, machine: { id } });
    const { hostKeyFingerprint } = core.sshAt(port) ?? {};
    call('POST', `/machines/${id}/stop`);
    clock.advance(1_000);
    expect(core.sshAt(port)?.ready).toBe(false);
    call('POST', `/machines/${id}/start`);
    clock.advance(1_000);
    expect(get(id).ssh).toEqual(ssh);
    expect(core.sshAt(port)?.hostKeyFingerprint).toBe(hostKeyFingerprint);
    expect(core.sshAt(port + 1)).toBeUndefined();
  });

  test('is busy while it is made or deleted', () => {
    const { call, clock, machine } = createCaller();
    const { id = '' } = call('POST', '/machines', ORDER).json;
    for (const [method, path] of [
      ['POST', `/machines/${id}/start`],
      ['POST', `/machines/${id}/stop`],
      ['DELETE', `/machines/${id}`],
    ] as const) {
      expect(call(method, path), path).toMatchObject({ status: 409, json: { error: { code: 'busy' } } });
    }
    clock.advance(1_000);
    const other = machine();
    call('DELETE', `/machines/${other.id}`);
    expect(call('POST', `/machines/${other.id}/start`).status).toBe(409);
    expect(call('PUT', `/machines/${other.id}/config`, { hostname: 'x' }).status).toBe(409);
    expect(call('DELETE', `/machines/${other.id}`).status).toBe(202);
  });

  test('takes orders twice without doing them twice', () => {
    const { call, clock, running, get } = createCaller();
    const { id } = running();
    expect(call('POST', `/machines/${id}/start`).json.state).toBe('running');
    call('POST', `/machines/${id}/stop`);
    clock.advance(60);
    call('POST', `/machines/${id}/stop`);
    clock.advance(40);
    expect(get(id).state).toBe('stopped');
  });

  test('keeps the keys it was given, and only well-formed ones', () => {
    const { call, machine, get } = createCaller();
    const { id } = machine();
    const config = { hostname: 'box', authorized_keys: ['ssh-ed25519 AAAA'] };
    expect(call('PUT', `/machines/${id}/config`, config).status).toBe(200);
    for (const key of ['ssh-ed25519 AAAA\nssh-rsa BBBB', 'command="sh" ssh-rsa AAAA', 7]) {
      expect(call('PUT', `/machines/${id}/config`, { authorized_keys: [key] }).status).toBe(422);
    }
    expect(get(id).authorized_keys).toEqual(['ssh-ed25519 AAAA']);
  });
});

describe('an id', () => {
  test('is used once, unless the host reuses ids', () => {
    for (const reuseIds of [false, true]) {
      const { machine, call, clock } = createCaller({ options: { reuseIds } });
      const first = machine();
      call('DELETE', `/machines/${first.id}`);
      clock.advance(1_000);
      const second = machine();
      expect(second.id === first.id).toBe(reuseIds);
      expect(second.uid).not.toBe(first.uid);
    }
  });

  test('that changed hands is no longer touched by who names the old uid', () => {
    const { core, call, running, get } = createCaller();
    const { id, uid } = running();
    core.admin.giveIdToStranger(id);
    for (const [method, verb] of [
      ['POST', '/stop'],
      ['POST', '/start'],
      ['PUT', '/config'],
      ['DELETE', ''],
    ] as const) {
      const refused = call(method, `/machines/${id}${verb}?uid=${uid}`, {});
      expect(refused).toMatchObject({ status: 412, json: { error: { code: 'not_that_machine' } } });
    }
    expect(get(id)).toMatchObject({ name: 'somebody-elses', state: 'running' });
  });
});

describe('the host', () => {
  test.each([
    ['machines', { maxMachines: 1 }],
    ['memory', { memoryMb: 1_000 }],
    ['disk', { diskGb: 15 }],
  ])('is full when it has no %s left, and has room again after a deletion', (_what, options) => {
    const { machine, call, clock } = createCaller({ options });
    const { id } = machine();
    const full = call('POST', '/machines', ORDER);
    expect(full).toMatchObject({ status: 507, json: { error: { code: 'no_capacity' } } });
    call('DELETE', `/machines/${id}`);
    clock.advance(1_000);
    expect(call('POST', '/machines', ORDER).status).toBe(201);
  });

  test('counts what is sold, also where it is switched off', () => {
    const { machine, call } = createCaller({ options: { memoryMb: 2_000, diskGb: 100, maxMachines: 5 } });
    machine();
    expect(call('GET', '/inventory').json).toMatchObject({ memory_free_mb: 1_488, disk_free_gb: 90, machines_free: 4 });
  });

  test('allows one name twice, unless names are to be unique', () => {
    const loose = createCaller();
    loose.machine();
    expect(loose.call('POST', '/machines', ORDER).status).toBe(201);
    const strict = createCaller({ options: { uniqueNames: true } });
    strict.machine();
    const taken = strict.call('POST', '/machines', ORDER);
    expect(taken).toMatchObject({ status: 409, json: { error: { code: 'name_taken' } } });
  });

  test('lists by labels, all of which must match', () => {
    const { call, machine } = createCaller();
    const { id } = machine({ labels: { who: 'me', what: 'x' } });
    machine({ labels: { who: 'me', what: 'y' } });
    const ids = (query: string) => call('GET', `/machines${query}`).json.machines?.map((one) => one.id);
    expect(ids('')).toHaveLength(2);
    expect(ids('?label=who%3Dme')).toHaveLength(2);
    expect(ids('?label=who%3Dme&label=what%3Dx')).toEqual([id]);
    expect(ids('?label=who%3Dyou')).toEqual([]);
    expect(call('GET', '/machines?label=nonsense').status).toBe(422);
  });

  test('counts bytes while a machine runs, anew after each start', () => {
    const { call, clock, core, running } = createCaller({
      options: { bytesInPerSecond: 10, bytesOutPerSecond: 20, startMs: 0 },
    });
    const { id } = running();
    core.admin.addTraffic(id, 1_000, 1);
    const row = () => call('GET', '/traffic').json.machines?.[0];
    expect(row()).toMatchObject({ bytes_in: 1_050, bytes_out: 101 });
    call('POST', `/machines/${id}/stop`);
    clock.advance(1_000);
    expect(row()).toMatchObject({ bytes_in: 0, bytes_out: 0 });
  });

  test.each([
    ['no JSON', '{'],
    ['no object', '[]'],
    ['a name that is no host name', { ...ORDER, name: 'Bad_Name' }],
    ['no memory', { ...ORDER, memory_mb: undefined }],
    ['a size that is no number', { ...ORDER, disk_gb: '10' }],
    ['a label that is no text', { ...ORDER, labels: { who: 1 } }],
  ])('refuses an order with %s', (_what, body) => {
    const { call, core } = createCaller();
    expect(call('POST', '/machines', body)).toMatchObject({ status: 422, json: { error: { code: 'invalid' } } });
    expect(core.machines.size).toBe(0);
  });

  test.each([
    ['GET', '/'],
    ['PATCH', '/machines'],
    ['POST', '/machines/101/explode'],
    ['GET', '/machines/../etc'],
    ['GET', '/constructor'],
  ])('has no call %s %s', (method, path) => {
    const { call } = createCaller();
    expect(call(method, path)).toMatchObject({ status: 404, json: { error: { code: 'no_such_path' } } });
  });
});

test('the same calls at the same times give the same answers', () => {
  const tell = (): string => {
    const { call, clock, core } = createCaller({ options: { reuseIds: true, nodes: 3, maxMachines: 4 } });
    const told: string[] = [];
    for (let step = 0; step < 200; step++) {
      const id = String(101 + ((step * 7) % 5));
      const verbs = [
        ['POST', '/machines'],
        ['POST', `/machines/${id}/start`],
        ['POST', `/machines/${id}/stop`],
        ['DELETE', `/machines/${id}`],
        ['GET', '/machines'],
        ['GET', '/traffic'],
      ] as const;
      const [method, path] = verbs[(step * 5) % verbs.length] ?? verbs[0];
      told.push(call(method, path, ORDER).body);
      clock.advance((step * 37) % 211);
    }
    return [...told, JSON.stringify(core.snapshot())].join('\n');
  };
  expect(tell()).toBe(tell());
});
