import { describe, expect, test } from 'vitest';
import { tenantKey } from '../sandbox/ssh-login.ts';
import { createCaller, type One, ORDER } from './caller.ts';
import { CALLS } from './routes.ts';
import { officialDocument, WHY_SKIPPED, watchSpec } from './watch-spec.ts';

const document = officialDocument();

describe.skipIf(!document)(`everything it answers${document ? '' : ` (${WHY_SKIPPED})`}`, () => {
  test('is as the provider documents it, call by call', () => {
    const caller = createCaller();
    const watch = watchSpec(caller.core, document ?? { paths: {}, components: { schemas: {} } });
    tour(caller);
    expect(watch.answers).toEqual([]);
    expect(watch.requests).toEqual([]);
    // Data centers are gone: their refusal is all there is.
    expect([...CALLS].filter((call) => !watch.seen.has(call))).toEqual(['GET /datacenters', 'GET /datacenters/{id}']);
  });

  test('stays so when it refuses', () => {
    const { core, call, running } = createCaller({ options: { requestsPerHour: 30 } });
    const watch = watchSpec(core, document ?? { paths: {}, components: { schemas: {} } });
    running();
    call('POST', '/servers', { ...ORDER, name: 'server-1' });
    call('POST', '/servers', { name: '-', labels: { '': 'x' } });
    call('POST', '/servers', '{');
    call('GET', '/servers/1');
    call('GET', '/actions');
    call('GET', '/datacenters');
    for (let count = 0; count < 30; count++) call('GET', '/locations');
    expect(call('GET', '/locations').status).toBe(429);
    expect(watch.answers).toEqual([]);
  });
});

/** Makes every call that is served at least once, and well. */
function tour({ addressOf, call, clock, order, running }: ReturnType<typeof createCaller>): void {
  const idOf = (path: string, kind: One, body: object): number => {
    const { status, json, body: text } = call('POST', path, body);
    if (status !== 201) throw new Error(`${path}: ${text}`);
    clock.advance(5_000);
    return json[kind]?.id ?? 0;
  };
  const done = (path: string, body?: object): void => {
    const { status, body: text } = call('POST', path, body);
    if (status !== 201) throw new Error(`${path}: ${text}`);
    clock.advance(100_000);
  };
  const labels = { team: 'blue' };
  const key = idOf('/ssh_keys', 'ssh_key', { name: 'mine', public_key: tenantKey().public, labels });
  const group = idOf('/placement_groups', 'placement_group', { name: 'spread', type: 'spread', labels });
  const network = idOf('/networks', 'network', {
    name: 'net',
    ip_range: '10.0.0.0/16',
    subnets: [{ type: 'cloud', ip_range: '10.0.1.0/24', network_zone: 'eu-central' }],
  });
  const web = { direction: 'in', protocol: 'tcp', port: '443', source_ips: ['0.0.0.0/0', '::/0'] };
  const firewall = idOf('/firewalls', 'firewall', { name: 'web', rules: [web], labels });
  const volume = idOf('/volumes', 'volume', { name: 'data', size: 10, location: 'fsn1', format: 'ext4' });
  const ip = idOf('/primary_ips', 'primary_ip', { name: 'own', type: 'ipv4', location: 'fsn1' });
  const server = running({
    ssh_keys: ['mine'],
    firewalls: [{ firewall }],
    networks: [network],
    placement_group: group,
    labels,
    user_data: '#cloud-config\n',
    public_net: { enable_ipv4: true, enable_ipv6: true, ipv4: ip },
  });
  const plain = running({ location: undefined });

  const act = (name: string, body?: object): void => done(`/servers/${server}/actions/${name}`, body);
  for (const name of ['enable_backup', 'reboot', 'reset', 'reset_password', 'request_console', 'disable_rescue'])
    act(name);
  act('enable_rescue', { type: 'linux64', ssh_keys: [key] });
  act('change_protection', { delete: true, rebuild: true });
  act('change_protection', { delete: false, rebuild: false });
  act('change_dns_ptr', { ip: addressOf(server), dns_ptr: 'mail.example.org' });
  act('rebuild', { image: 'ubuntu-24.04', user_data: '#cloud-config\n' });
  act('shutdown');
  act('poweron');
  act('detach_from_network', { network });
  act('attach_to_network', { network });
  act('poweroff');
  act('remove_from_placement_group');
  act('add_to_placement_group', { placement_group: group });
  act('create_image', { type: 'snapshot', description: 'one', labels });
  act('create_image', { type: 'backup' });
  act('change_type', { server_type: 'cx33', upgrade_disk: true });
  act('disable_backup');
  done(`/volumes/${volume}/actions/attach`, { server });
  done(`/volumes/${volume}/actions/resize`, { size: 20 });
  done(`/volumes/${volume}/actions/change_protection`, { delete: true });
  done(`/volumes/${volume}/actions/change_protection`, { delete: false });
  for (const path of LISTS) expect([path, call('GET', path).status]).toEqual([path, 200]);
  for (const [path, id] of [
    ['servers', server],
    ['firewalls', firewall],
    ['volumes', volume],
    ['ssh_keys', key],
    ['networks', network],
    ['primary_ips', ip],
    ['placement_groups', group],
  ] as const) {
    expect(call('GET', `/${path}/${id}`).status).toBe(200);
    expect(call('PUT', `/${path}/${id}`, { name: `new-${path.replace('_', '-')}`, labels }).status).toBe(200);
  }
  const types = call('GET', '/server_types?per_page=1').json.server_types ?? [];
  for (const path of ['/locations/1', `/server_types/${types[0]?.id}`, '/isos/26101', '/pricing']) call('GET', path);
  const span = `start=${new Date(clock.now() - 3_600_000).toISOString()}&end=${new Date(clock.now()).toISOString()}`;
  call('GET', `/servers/${server}/metrics?type=cpu&type=disk&type=network&${span}`);

  done(`/volumes/${volume}/actions/detach`);
  done(`/servers/${server}/actions/poweroff`);
  done(`/primary_ips/${ip}/actions/unassign`);
  done(`/primary_ips/${ip}/actions/assign`, { assignee_id: server, assignee_type: 'server' });
  done(`/primary_ips/${ip}/actions/change_protection`, { delete: true });
  done(`/primary_ips/${ip}/actions/change_protection`, { delete: false });
  done(`/firewalls/${firewall}/actions/set_rules`, { rules: [] });
  const bySelector = [{ type: 'label_selector', label_selector: { selector: 'team=blue' } }];
  done(`/firewalls/${firewall}/actions/apply_to_resources`, { apply_to: bySelector });
  call('GET', '/firewalls');
  done(`/firewalls/${firewall}/actions/remove_from_resources`, { remove_from: bySelector });
  const [image] = call('GET', '/images?type=snapshot&label_selector=team').json.images ?? [];
  call('GET', `/images/${image?.id}`);
  call('PUT', `/images/${image?.id}`, { description: 'two', labels: {} });
  done(`/images/${image?.id}/actions/change_protection`, { delete: false });
  actions(call);
  call('DELETE', `/volumes/${volume}`);
  call('DELETE', `/images/${image?.id}`);
  for (const id of [server, plain, order()]) {
    clock.advance(100_000);
    expect(call('DELETE', `/servers/${id}`).status).toBe(200);
  }
  clock.advance(100_000);
  for (const path of [
    `firewalls/${firewall}`,
    `ssh_keys/${key}`,
    `networks/${network}`,
    `placement_groups/${group}`,
    `primary_ips/${ip}`,
  ]) {
    expect([path, call('DELETE', `/${path}`).status]).toEqual([path, 204]);
  }
}

const LISTS = [
  '/servers?status=running&status=off&sort=name:desc',
  '/ssh_keys',
  '/firewalls',
  '/images?type=system&architecture=arm&include_deprecated=true',
  '/server_types?page=2',
  '/locations',
  '/isos',
  '/primary_ips',
  '/volumes',
  '/placement_groups',
  '/networks',
];

/** Every way to look at actions, for every kind that has some. */
function actions(call: ReturnType<typeof createCaller>['call']): void {
  for (const path of ['servers', 'images', 'volumes', 'primary_ips', 'firewalls', 'networks']) {
    const [action] = call('GET', `/${path}/actions?status=success&sort=id:desc`).json.actions ?? [];
    const [resource] = (action?.resources ?? []).filter(({ type }) => `${type}s` === path);
    for (const at of [
      `/actions?id=${action?.id}`,
      `/actions/${action?.id}`,
      `/${path}/actions/${action?.id}`,
      `/${path}/${resource?.id}/actions`,
      `/${path}/${resource?.id}/actions/${action?.id}`,
    ]) {
      expect([at, call('GET', at).status]).toEqual([at, 200]);
    }
  }
}
