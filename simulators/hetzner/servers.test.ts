import { describe, expect, test } from 'vitest';
import { tenantKey } from '../sandbox/ssh-login.ts';
import { type Body, createCaller, ORDER } from './caller.ts';

const codeOf = ({ json }: { readonly json: Body }): unknown => json.error?.code;

describe('a new server', () => {
  test('goes from initializing over off and starting to running, in the time that real ones take', () => {
    const { clock, order, get, call } = createCaller();
    const id = order();
    const seen = (): unknown => [get(id).status, get(id).locked];
    expect(seen()).toEqual(['initializing', true]);
    clock.advance(8_000);
    expect(seen()).toEqual(['off', true]);
    clock.advance(1_000);
    expect(seen()).toEqual(['starting', true]);
    clock.advance(2_000);
    expect(seen()).toEqual(['running', false]);
    expect(call('GET', `/servers/${id}/actions`).json.actions).toMatchObject([
      { command: 'create_server', status: 'success', progress: 100, error: null },
      { command: 'start_server', status: 'success', progress: 100, error: null },
    ]);
  });

  test('names all that follows in its answer, and shows its progress', () => {
    const { clock, call } = createCaller();
    const { json, status } = call('POST', '/servers', ORDER);
    expect(status).toBe(201);
    expect(json.next_actions).toMatchObject([{ command: 'start_server', status: 'running', progress: 0 }]);
    clock.advance(4_000);
    const ids = `id=${json.action?.id}&id=${json.next_actions?.[0]?.id}`;
    expect(call('GET', `/actions?${ids}`).json).toEqual({
      actions: [expect.objectContaining({ progress: 50 }), expect.objectContaining({ progress: 0 })],
    });
  });

  test('takes much longer from a snapshot, and no time to start where it should stay off', () => {
    const { clock, call, running, order, get } = createCaller();
    const { json } = call('POST', `/servers/${running()}/actions/create_image`, { type: 'snapshot' });
    clock.advance(60_000);
    const id = order({ image: `${json.image?.id}`, start_after_create: false });
    clock.advance(136_999);
    expect(get(id).status).toBe('initializing');
    clock.advance(1);
    expect(get(id)).toMatchObject({ status: 'off', locked: false });
  });

  test('tells a root password once, and only when no key was named', () => {
    const { call } = createCaller();
    call('POST', '/ssh_keys', { name: 'mine', public_key: tenantKey().public });
    expect(call('POST', '/servers', { ...ORDER, ssh_keys: ['mine'] }).json.root_password).toBeNull();
    expect(call('POST', '/servers', { ...ORDER, name: 'two' }).json.root_password).toMatch(/^\w{20}$/);
  });

  test.each([
    ['IPv6 alone', { enable_ipv4: false, enable_ipv6: true }, [null, expect.stringMatching(/::\/64$/)]],
    ['IPv4 alone', { enable_ipv4: true, enable_ipv6: false }, [expect.stringMatching(/^198\.18\./), null]],
  ])('has %s where that was ordered', (_what, public_net, expected) => {
    const { order, get } = createCaller();
    const { ipv4, ipv6 } = get(order({ public_net })).public_net ?? {};
    expect([ipv4?.ip ?? null, ipv6?.ip ?? null]).toEqual(expected);
  });

  test('of a type gets the image of that architecture under the same name', () => {
    const { order, get } = createCaller();
    expect(get(order({ server_type: 'cax11' })).image).toMatchObject({ name: 'debian-13', architecture: 'arm' });
    expect(get(order()).image).toMatchObject({ name: 'debian-13', architecture: 'x86' });
  });

  test('may stay off although every action succeeded, until it boots after all', () => {
    const { core, clock, call, running, get } = createCaller();
    core.faults.add({ call: 'POST /servers', fault: { kind: 'stays-off' } });
    const id = running();
    expect(get(id).status).toBe('off');
    expect(call('GET', `/servers/${id}/actions?status=error`).json.actions).toEqual([]);
    call('POST', `/servers/${id}/actions/poweron`);
    clock.advance(10_000);
    expect(get(id).status).toBe('off');
    core.admin.setGuest(id, { boots: true });
    call('POST', `/servers/${id}/actions/poweron`);
    clock.advance(10_000);
    expect(get(id).status).toBe('running');
  });

  test.each([
    ['create_server', ['error', 'error']],
    ['start_server', ['success', 'error']],
  ])('whose %s fails stands there off and costs', (command, statuses) => {
    const { core, call, running, get } = createCaller();
    core.faults.add({ call: 'POST /servers', fault: { kind: 'fail-action', command } });
    const id = running();
    expect(get(id)).toMatchObject({ status: 'off', locked: false });
    const actions = call('GET', `/servers/${id}/actions`).json.actions ?? [];
    expect(actions.map(({ status }) => status)).toEqual(statuses);
    expect(actions.at(-1)).toMatchObject({ error: { code: 'action_failed' } });
  });
});

describe('an order is refused', () => {
  test.each([
    ['a name that is taken, whatever its case', { name: 'ONE' }, 409, 'uniqueness_error'],
    ['a name that is no host name', { name: 'one_two' }, 422, 'invalid_input'],
    ['an unknown type', { server_type: 'cx99' }, 404, 'not_found'],
    ['a retired type', { server_type: 'cx22' }, 422, 'invalid_input'],
    ['an unknown image', { image: 'debian-99' }, 404, 'not_found'],
    ['an image too long deprecated', { image: 'ubuntu-20.04' }, 422, 'invalid_input'],
    ['an unknown location', { location: 'mars1' }, 404, 'not_found'],
    ['a type that the location never has', { location: 'ash' }, 412, 'resource_unavailable'],
    ['an unknown key', { ssh_keys: [1] }, 404, 'not_found'],
    ['an unknown firewall', { firewalls: [{ firewall: 1 }] }, 404, 'not_found'],
    ['no interface at all', { public_net: { enable_ipv4: false, enable_ipv6: false } }, 422, 'invalid_input'],
    ['33 KiB of user data', { user_data: 'ä'.repeat(16_385) }, 422, 'invalid_input'],
    ['a label with a colon', { labels: { a: 'b:c' } }, 422, 'invalid_input'],
    ['a label of theirs', { labels: { 'hetzner.cloud/x': '' } }, 422, 'invalid_input'],
  ])('for %s', (_why, given, status, code) => {
    const { core, call } = createCaller();
    call('POST', '/servers', ORDER);
    const answer = call('POST', '/servers', { ...ORDER, name: 'two', ...given });
    expect([answer.status, codeOf(answer)]).toEqual([status, code]);
    expect(core.project.servers.size).toBe(1);
    expect(core.project.primaryIps.size).toBe(2);
  });

  test.each([
    ['32 KiB of user data', { user_data: 'ä'.repeat(16_384) }],
    ['an image that was deprecated lately', { image: 'debian-11' }],
    ['labels that keep the rules', { labels: { 'example.com/A-b_c.d': 'x'.repeat(63), empty: '' } }],
  ])('and not for %s', (_what, given) => {
    expect(createCaller().call('POST', '/servers', { ...ORDER, ...given }).status).toBe(201);
  });

  test.each(['sold-out', 'refused'] as const)('for a type that is %s there, and taken elsewhere', (stock) => {
    const { core, call, order } = createCaller();
    core.admin.setStock('cx23', 'fsn1', stock);
    expect(codeOf(call('POST', '/servers', ORDER))).toBe('resource_unavailable');
    order({ location: 'nbg1' });
    const { json } = call('GET', '/server_types?name=cx23');
    const [type] = json.server_types ?? [];
    expect(type?.locations?.map(({ available }) => available)).toEqual([stock === 'refused', true, true]);
  });

  test.each([
    [{ servers: 1 }, 'server limit exceeded'],
    [{ primaryIps: 1 }, 'Primary IP limit exceeded'],
  ])('above the limits of the account: %o', (limits, message) => {
    const { core, call, order } = createCaller();
    core.admin.setLimits(limits);
    order();
    expect(call('POST', '/servers', ORDER)).toMatchObject({
      status: 403,
      json: { error: { code: 'resource_limit_exceeded', message } },
    });
  });

  test('for the eleventh of a spread group', () => {
    const { call, order } = createCaller();
    const { json } = call('POST', '/placement_groups', { name: 'apart', type: 'spread' });
    const placement_group = json.placement_group?.id;
    for (let count = 0; count < 10; count++) order({ placement_group });
    expect(codeOf(call('POST', '/servers', { ...ORDER, placement_group }))).toBe('placement_error');
  });

  test('with every wrong field by name, or none where the body is no JSON', () => {
    const { call } = createCaller();
    expect(call('POST', '/servers', { name: 5, image: 'debian-13' }).json.error).toMatchObject({
      code: 'invalid_input',
      details: { fields: [{ name: 'name' }, { name: 'server_type' }] },
    });
    expect(call('POST', '/servers', '{').json.error).toEqual({
      code: 'json_error',
      message: 'error parsing json',
      details: null,
    });
  });
});

describe('a running server', () => {
  test('is locked while an action is at work on it', () => {
    const { clock, call, running } = createCaller();
    const id = running();
    call('POST', `/servers/${id}/actions/poweroff`);
    for (const path of ['poweron', 'reset', 'create_image']) {
      expect(call('POST', `/servers/${id}/actions/${path}`)).toMatchObject({
        status: 423,
        json: { error: { code: 'locked' } },
      });
    }
    expect(codeOf(call('DELETE', `/servers/${id}`))).toBe('locked');
    clock.advance(1_500);
    expect(call('POST', `/servers/${id}/actions/poweron`).status).toBe(201);
  });

  test('goes down some time after the signal, or never, though the action succeeded at once', () => {
    const { core, clock, call, running, get } = createCaller();
    const [heeds, ignores] = [running(), running()];
    core.admin.setGuest(ignores, { acpi: false });
    for (const id of [heeds, ignores]) call('POST', `/servers/${id}/actions/shutdown`);
    clock.advance(400);
    expect(get(heeds)).toMatchObject({ status: 'running', locked: false });
    clock.advance(6_000);
    expect([get(heeds).status, get(ignores).status]).toEqual(['off', 'running']);
    clock.advance(600_000);
    expect(get(ignores).status).toBe('running');
    call('POST', `/servers/${ignores}/actions/poweroff`);
    clock.advance(1_500);
    expect(get(ignores).status).toBe('off');
  });

  test('gets a new password by its guest agent only, and only while it runs', () => {
    const { core, clock, call, running } = createCaller();
    const id = running();
    const reset = (): ReturnType<typeof call> => call('POST', `/servers/${id}/actions/reset_password`);
    const { json } = reset();
    expect(core.project.servers.get(id)?.rootPassword).not.toBe(json.root_password);
    clock.advance(400);
    expect(core.project.servers.get(id)?.rootPassword).toBe(json.root_password);
    core.admin.setGuest(id, { agent: false });
    const without = reset();
    clock.advance(400);
    expect(call('GET', `/actions/${without.json.action?.id}`).json.action).toMatchObject({
      status: 'error',
      error: { code: 'action_failed' },
    });
    expect(core.project.servers.get(id)?.rootPassword).toBe(json.root_password);
    core.admin.powerOff(id);
    expect(reset().status).toBe(422);
  });

  test('uses its old user data again when it is rebuilt without new', () => {
    const { core, clock, call, running, get } = createCaller();
    const id = running({ user_data: '#cloud-config\n# old' });
    call('POST', `/servers/${id}/actions/rebuild`, { image: 'ubuntu-24.04' });
    expect(get(id).status).toBe('rebuilding');
    clock.advance(12_000);
    expect(get(id)).toMatchObject({ status: 'running', image: { name: 'ubuntu-24.04' } });
    expect(core.project.servers.get(id)?.userData).toContain('old');
    call('POST', `/servers/${id}/actions/rebuild`, { image: 'debian-13', user_data: 'new' });
    clock.advance(12_000);
    expect(core.project.servers.get(id)?.userData).toBe('new');
  });

  test('has a rescue system for one boot, or for an hour', () => {
    const { clock, call, running, get } = createCaller();
    const id = running();
    const enable = (): void => {
      call('POST', `/servers/${id}/actions/enable_rescue`);
      clock.advance(400);
      expect(get(id).rescue_enabled).toBe(true);
    };
    enable();
    call('POST', `/servers/${id}/actions/reset`);
    clock.advance(1_500);
    expect(get(id).rescue_enabled).toBe(false);
    enable();
    clock.advance(3_600_000);
    expect(get(id).rescue_enabled).toBe(false);
  });

  test('has its labels replaced as a whole', () => {
    const { call, order, get } = createCaller();
    const id = order({ labels: { a: '1', b: '2' } });
    call('PUT', `/servers/${id}`, { labels: { b: '3' } });
    expect(get(id).labels).toEqual({ b: '3' });
  });
});

describe('a deleted server', () => {
  test('is there, name and all, until its action is over', () => {
    const { clock, call, running, get } = createCaller();
    const id = running({ name: 'one' });
    expect(call('DELETE', `/servers/${id}`)).toMatchObject({ status: 200, json: { action: { status: 'running' } } });
    expect(get(id).status).toBe('deleting');
    expect(codeOf(call('POST', '/servers', ORDER))).toBe('uniqueness_error');
    clock.advance(2_500);
    expect(call('GET', `/servers/${id}`)).toMatchObject({ status: 404, json: { error: { code: 'not_found' } } });
    expect(call('POST', '/servers', ORDER).status).toBe(201);
  });

  test('takes its own addresses and backups along and leaves what the customer made', () => {
    const { core, clock, call, running } = createCaller();
    const ip = call('POST', '/primary_ips', { name: 'own', type: 'ipv4', location: 'fsn1' }).json.primary_ip?.id ?? 0;
    const volume = call('POST', '/volumes', { name: 'data', size: 10, location: 'fsn1' }).json.volume?.id ?? 0;
    clock.advance(2_000);
    const id = running({ public_net: { ipv4: ip }, volumes: [volume] });
    expect(core.project.volumes.get(volume)?.server).toBe(id);
    for (const [path, body] of [
      ['enable_backup', {}],
      ['create_image', { type: 'backup' }],
      ['create_image', { type: 'snapshot' }],
    ] as const) {
      expect(call('POST', `/servers/${id}/actions/${path}`, body).status).toBe(201);
      clock.advance(60_000);
    }
    call('DELETE', `/servers/${id}`);
    clock.advance(2_500);
    const { primaryIps, volumes, images } = core.project;
    expect([...primaryIps.values()]).toMatchObject([{ id: ip, assignee: undefined }]);
    expect(volumes.get(volume)?.server).toBeUndefined();
    expect([...images.values()].filter(({ type }) => type === 'snapshot' || type === 'backup')).toMatchObject([
      { type: 'snapshot', created_from: { id } },
    ]);
    expect(call('GET', '/primary_ips').json.primary_ips).toMatchObject([
      { assignee_type: 'unassigned', assignee_id: null },
    ]);
  });

  test('that is protected stays until it no longer is', () => {
    const { clock, call, running } = createCaller();
    const id = running();
    const protect = (on: boolean): void => {
      call('POST', `/servers/${id}/actions/change_protection`, { delete: on, rebuild: on });
      clock.advance(400);
    };
    protect(true);
    expect(call('DELETE', `/servers/${id}`)).toMatchObject({ status: 423, json: { error: { code: 'protected' } } });
    expect(codeOf(call('POST', `/servers/${id}/actions/rebuild`, { image: 'debian-13' }))).toBe('protected');
    protect(false);
    expect(call('DELETE', `/servers/${id}`).status).toBe(200);
  });

  test('whose deletion fails is what it was before', () => {
    const { core, clock, call, running, get } = createCaller();
    const id = running();
    core.faults.add({ call: 'DELETE /servers/{id}', fault: { kind: 'fail-action' } });
    call('DELETE', `/servers/${id}`);
    clock.advance(2_500);
    expect(get(id)).toMatchObject({ status: 'running', locked: false });
  });
});
