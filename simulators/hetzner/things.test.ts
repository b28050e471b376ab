import { describe, expect, test } from 'vitest';
import { tenantKey } from '../sandbox/ssh-login.ts';
import { type Body, createCaller } from './caller.ts';

const codeOf = ({ json }: { readonly json: Body }): unknown => json.error?.code;

describe('an SSH key', () => {
  test('is unique by what it is and by its name', () => {
    const { call } = createCaller();
    const key = tenantKey().public;
    const { json } = call('POST', '/ssh_keys', { name: 'mine', public_key: `${key} me@home` });
    expect(json.ssh_key?.fingerprint).toMatch(/^([0-9a-f]{2}:){15}[0-9a-f]{2}$/);
    expect(call('POST', '/ssh_keys', { name: 'other', public_key: key }).json.error).toMatchObject({
      code: 'uniqueness_error',
      message: 'SSH key with the same fingerprint already exists',
      details: { fields: [{ name: 'public_key' }] },
    });
    expect(codeOf(call('POST', '/ssh_keys', { name: 'mine', public_key: tenantKey().public }))).toBe(
      'uniqueness_error',
    );
    const fingerprint = encodeURIComponent(json.ssh_key?.fingerprint ?? '');
    expect(call('GET', `/ssh_keys?fingerprint=${fingerprint}`).json.ssh_keys).toHaveLength(1);
    expect(call('GET', '/ssh_keys?fingerprint=00:11').json.ssh_keys).toEqual([]);
  });

  test('that is none is refused', () => {
    expect(codeOf(createCaller().call('POST', '/ssh_keys', { name: 'x', public_key: 'hello' }))).toBe('invalid_input');
  });
});

describe('a firewall', () => {
  const rule = { direction: 'in', protocol: 'tcp', port: '22', source_ips: ['0.0.0.0/0'] };
  const made = (call: ReturnType<typeof createCaller>['call'], body: object = {}): number =>
    call('POST', '/firewalls', { name: 'web', rules: [rule], ...body }).json.firewall?.id ?? 0;

  test('is on a server from its creation, first pending, and in use until a while after the server has gone', () => {
    const { clock, call, order, get } = createCaller();
    const firewall = made(call);
    const id = order({ firewalls: [{ firewall }] });
    expect(get(id).public_net?.firewalls).toEqual([{ id: firewall, status: 'pending' }]);
    clock.advance(20_000);
    expect(get(id).public_net?.firewalls).toEqual([{ id: firewall, status: 'applied' }]);
    call('DELETE', `/servers/${id}`);
    clock.advance(2_500);
    expect(call('GET', `/servers/${id}`).status).toBe(404);
    expect(codeOf(call('DELETE', `/firewalls/${firewall}`))).toBe('resource_in_use');
    clock.advance(3_000);
    expect(call('DELETE', `/firewalls/${firewall}`).status).toBe(204);
  });

  test('that came by a label cannot be taken from one server', () => {
    const { clock, call, running, get } = createCaller();
    const id = running({ labels: { web: '' } });
    const firewall = made(call, { apply_to: [{ type: 'label_selector', label_selector: { selector: 'web' } }] });
    clock.advance(1_000);
    expect(get(id).public_net?.firewalls).toEqual([{ id: firewall, status: 'applied' }]);
    const remove_from = [{ type: 'server', server: { id } }];
    expect(codeOf(call('POST', `/firewalls/${firewall}/actions/remove_from_resources`, { remove_from }))).toBe(
      'firewall_managed_by_label_selector',
    );
  });

  test('is put on once, at most five on one server, and only where there is a public interface', () => {
    const { clock, call, running } = createCaller();
    const id = running();
    const apply = (firewall: number, server = id): ReturnType<typeof call> => {
      const answer = call('POST', `/firewalls/${firewall}/actions/apply_to_resources`, {
        apply_to: [{ type: 'server', server: { id: server } }],
      });
      clock.advance(1_000);
      return answer;
    };
    const firewalls = ['a', 'b', 'c', 'd', 'e', 'f'].map((name) => made(call, { name }));
    for (const firewall of firewalls.slice(0, 5)) expect(apply(firewall).status).toBe(201);
    expect(codeOf(apply(firewalls[0] ?? 0))).toBe('firewall_already_applied');
    expect(codeOf(apply(firewalls[5] ?? 0))).toBe('resource_limit_exceeded');
    expect(apply(firewalls[5] ?? 0, 1)).toMatchObject({ status: 404 });
  });

  test.each([
    ['51 rules', { rules: Array.from({ length: 51 }, () => rule) }],
    ['101 addresses', { rules: [{ ...rule, source_ips: Array.from({ length: 101 }, () => '10.0.0.0/8') }] }],
    ['a port without TCP or UDP', { rules: [{ ...rule, protocol: 'icmp' }] }],
    ['no source', { rules: [{ ...rule, source_ips: [] }] }],
    ['an empty name', { name: '' }],
  ])('with %s is refused', (_what, body) => {
    expect(codeOf(createCaller().call('POST', '/firewalls', { name: 'web', rules: [rule], ...body }))).toBe(
      'invalid_input',
    );
  });

  test('is one of fifty', () => {
    const { core, call } = createCaller();
    core.admin.setLimits({ firewalls: 1 });
    made(call);
    expect(codeOf(call('POST', '/firewalls', { name: 'next' }))).toBe('resource_limit_exceeded');
  });
});

describe('a primary IP', () => {
  test('moves between servers that are off, and is deleted when it is nobody’s', () => {
    const { core, clock, call, running } = createCaller();
    const ip = call('POST', '/primary_ips', { name: 'own', type: 'ipv4', location: 'fsn1' }).json.primary_ip?.id ?? 0;
    const act = (name: string, body?: object): ReturnType<typeof call> => {
      const answer = call('POST', `/primary_ips/${ip}/actions/${name}`, body);
      clock.advance(400);
      return answer;
    };
    const to = (assignee_id: number): object => ({ assignee_id, assignee_type: 'server' });
    const [has, lacks] = [running(), running({ public_net: { enable_ipv4: false } })];
    expect(codeOf(act('assign', to(lacks)))).toBe('server_not_stopped');
    core.admin.powerOff(has);
    core.admin.powerOff(lacks);
    expect(codeOf(act('assign', to(has)))).toBe('server_has_ipv4');
    expect(act('assign', to(lacks)).status).toBe(201);
    expect(codeOf(act('assign', to(lacks)))).toBe('primary_ip_already_assigned');
    expect(codeOf(call('DELETE', `/primary_ips/${ip}`))).toBe('must_be_unassigned');
    act('unassign');
    expect(call('DELETE', `/primary_ips/${ip}`).status).toBe(204);
  });

  test.each([
    ['is of the other kind', { type: 'ipv6' }, 'primary_ip_version_mismatch'],
    ['is elsewhere', { location: 'hel1' }, 'primary_ip_datacenter_mismatch'],
  ])('that %s is refused at creation', (_why, given, code) => {
    const { call } = createCaller();
    const { json } = call('POST', '/primary_ips', { name: 'own', type: 'ipv4', location: 'fsn1', ...given });
    const public_net = { ipv4: json.primary_ip?.id };
    const order = { name: 'one', server_type: 'cx23', image: 'debian-13', location: 'fsn1', public_net };
    expect(codeOf(call('POST', '/servers', order))).toBe(code);
  });

  test('that the abuse team blocks says so, on its server too', () => {
    const { core, running, get } = createCaller();
    const id = running();
    core.admin.block(id, true);
    expect(get(id).public_net?.ipv4?.blocked).toBe(true);
  });
});

describe('a volume', () => {
  test('is attached after it was made, and not deleted before it is detached', () => {
    const { clock, call, running } = createCaller();
    const server = running();
    const { json } = call('POST', '/volumes', { name: 'data', size: 10, server });
    expect(json.next_actions).toMatchObject([{ command: 'attach_volume', status: 'running' }]);
    clock.advance(4_000);
    const path = `/volumes/${json.volume?.id}`;
    expect(call('GET', path).json.volume).toMatchObject({ server, status: 'available' });
    expect(codeOf(call('DELETE', path))).toBe('resource_in_use');
    call('POST', `${path}/actions/detach`);
    clock.advance(2_000);
    expect(call('DELETE', path).status).toBe(204);
  });
});

describe('a snapshot', () => {
  test('has no name, is found by label, and has to be finished before it is used', () => {
    const { clock, call, running } = createCaller();
    const id = running();
    const { json } = call('POST', `/servers/${id}/actions/create_image`, { labels: { keep: 'yes' } });
    const find = () => call('GET', '/images?type=snapshot&label_selector=keep').json.images?.[0];
    expect(find()).toMatchObject({ name: null, status: 'creating', image_size: null });
    const order = { name: 'copy', server_type: 'cx23', image: json.image?.id };
    expect(codeOf(call('POST', '/servers', order))).toBe('invalid_input');
    clock.advance(60_000);
    expect(find()).toMatchObject({ status: 'available', disk_size: 40 });
    expect(codeOf(call('POST', '/servers', { ...order, server_type: 'cax21' }))).toBe('invalid_input');
    expect(call('POST', '/servers', order).status).toBe(201);
  });

  test('needs a disk that is large enough', () => {
    const { clock, call, running } = createCaller();
    const { json } = call('POST', `/servers/${running({ server_type: 'cx33' })}/actions/create_image`, {});
    clock.advance(60_000);
    expect(codeOf(call('POST', '/servers', { name: 'x', server_type: 'cx23', image: json.image?.id }))).toBe(
      'invalid_input',
    );
  });

  test('that is deleted leaves servers without an image', () => {
    const { clock, call, running, get } = createCaller();
    const { json } = call('POST', `/servers/${running()}/actions/create_image`, {});
    clock.advance(60_000);
    const id = running({ image: json.image?.id });
    clock.advance(60_000);
    expect(call('DELETE', `/images/${json.image?.id}`).status).toBe(204);
    expect(get(id).image).toBeNull();
  });

  test('is what a customer may delete; what the provider offers is not', () => {
    const { call } = createCaller();
    const [image] = call('GET', '/images?name=debian-13').json.images ?? [];
    expect(codeOf(call('DELETE', `/images/${image?.id}`))).toBe('forbidden');
  });
});

test('a bigger type needs the server off, the same architecture and room for its disk', () => {
  const { core, clock, call, running, get } = createCaller();
  const id = running();
  const change = (server_type: string): ReturnType<typeof call> =>
    call('POST', `/servers/${id}/actions/change_type`, { server_type, upgrade_disk: true });
  expect(codeOf(change('cx33'))).toBe('server_not_stopped');
  core.admin.powerOff(id);
  expect(codeOf(change('cax21'))).toBe('invalid_server_type');
  core.admin.setStock('cx43', 'fsn1', 'sold-out');
  expect(codeOf(change('cx43'))).toBe('resource_unavailable');
  change('cx33');
  expect(get(id).status).toBe('migrating');
  clock.advance(30_000);
  expect(get(id)).toMatchObject({ status: 'running', server_type: { name: 'cx33' }, primary_disk_size: 80 });
  core.admin.powerOff(id);
  expect(codeOf(change('cx23'))).toBe('invalid_server_type');
});
