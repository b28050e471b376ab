import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { tenantKey } from '../../../simulators/sandbox/ssh-login.ts';
import { type Finished, type Ground, ground } from './ground.ts';
import { mayHaveClients, WHY_NO_CLIENTS } from './packages.ts';

const able = mayHaveClients();

describe.skipIf(!able)(`the provider’s own command line${able ? '' : ` (${WHY_NO_CLIENTS})`}`, () => {
  let place: Ground;
  beforeAll(async () => {
    place = await ground();
  }, 600_000);
  afterAll(() => place?.close());

  const call = (...args: string[]): Promise<Finished> =>
    place.run(place.clients.hcloud, ['--poll-interval', '20ms', ...args]);

  async function hcloud(...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await call(...args);
    expect({ args, code, complaint: code === 0 ? '' : stderr }).toEqual({ args, code: 0, complaint: '' });
    return stdout;
  }

  /** The tool’s last line of complaint. */
  async function refusal(...args: string[]): Promise<string> {
    const { code, stderr } = await call(...args);
    expect({ args, code }).not.toMatchObject({ code: 0 });
    return stderr.trim();
  }

  /** Resolves when it is really gone: the tool does not wait for it. */
  async function deleted(name: string): Promise<void> {
    const [server] = [...place.core.project.servers.values()].filter((one) => one.name === name);
    const gone = new Promise<void>((resolve) => {
      const unlisten = place.core.onChange(() => {
        if (server && place.core.project.servers.has(server.id)) return;
        unlisten();
        resolve();
      });
    });
    await hcloud('server', 'delete', name);
    await gone;
  }

  async function statusOf(name: string): Promise<string> {
    const { status } = JSON.parse(await hcloud('server', 'describe', name, '-o', 'json')) as { status: string };
    return status;
  }

  test('takes a server through its whole life', async () => {
    const { public: publicKey } = tenantKey();
    await hcloud('ssh-key', 'create', '--name', 'mine', '--public-key', publicKey);
    expect(await refusal('ssh-key', 'create', '--name', 'other', '--public-key', publicKey)).toContain(
      'uniqueness_error',
    );
    await hcloud('firewall', 'create', '--name', 'web');
    await hcloud(
      'firewall',
      'add-rule',
      'web',
      '--direction',
      'in',
      '--protocol',
      'tcp',
      '--port',
      '22',
      '--source-ips',
      '0.0.0.0/0',
    );
    await hcloud('network', 'create', '--name', 'inside', '--ip-range', '10.0.0.0/16');
    await hcloud('placement-group', 'create', '--name', 'apart', '--type', 'spread');
    const order = ['server', 'create', '--name', 'one', '--type', 'cx23', '--image', 'debian-13', '--location', 'fsn1'];
    const made = await hcloud(
      ...order,
      '--ssh-key',
      'mine',
      '--firewall',
      'web',
      '--placement-group',
      'apart',
      '--label',
      'a=b',
    );
    expect(made).toMatch(/IPv4: 198\.1[89]\.\d+\.\d+/);
    expect(made).not.toContain('Root password');
    expect(await statusOf('one')).toBe('running');
    expect(await refusal(...order)).toContain('uniqueness_error');

    await hcloud('server', 'poweroff', 'one');
    expect(await statusOf('one')).toBe('off');
    expect(await refusal('server', 'change-type', 'one', 'cax21')).toContain('invalid_server_type');
    await hcloud('server', 'change-type', 'one', 'cx33');
    expect(await statusOf('one')).toBe('running');
    expect(await refusal('server', 'change-type', 'one', 'cx43')).toContain('server_not_stopped');
    await hcloud('server', 'reset', 'one');
    await hcloud('server', 'reboot', 'one');
    expect(await hcloud('server', 'reset-password', 'one')).toMatch(/reset to: \w{20}/);
    expect(await hcloud('server', 'enable-rescue', 'one')).toMatch(/root password: \w{20}/);
    await hcloud('server', 'disable-rescue', 'one');
    await hcloud('server', 'request-console', 'one');
    await hcloud('server', 'set-rdns', 'one', '-r', 'mail.example.org');
    await hcloud('server', 'add-label', 'one', 'colour=blue');
    expect(
      await hcloud('server', 'list', '-l', 'colour in (blue,red),a', '-o', 'noheader', '-o', 'columns=name'),
    ).toContain('one');
    await hcloud('server', 'create-image', '--type', 'snapshot', '--description', 'kept', '--label', 'x=y', 'one');
    expect(await hcloud('image', 'list', '-t', 'snapshot', '-l', 'x=y')).toContain('kept');
    await hcloud('server', 'rebuild', 'one', '--image', 'ubuntu-24.04');
    await hcloud('volume', 'create', '--name', 'data', '--size', '10', '--server', 'one', '--format', 'ext4');
    expect(await refusal('volume', 'delete', 'data')).toContain('resource_in_use');
    await hcloud('volume', 'detach', 'data');
    await hcloud('volume', 'delete', 'data');
    place.clock.advance(3_600_000);
    expect(await hcloud('server', 'metrics', '--type', 'network', 'one', '-o', 'json')).toContain(
      'network.0.bandwidth.in',
    );

    await hcloud('server', 'enable-protection', 'one', 'delete', 'rebuild');
    expect(await refusal('server', 'delete', 'one')).toContain('protected');
    await hcloud('server', 'disable-protection', 'one', 'delete', 'rebuild');
    await deleted('one');
    expect(await refusal('server', 'describe', 'one')).toContain('server not found: one');
    expect(place.core.project.primaryIps.size).toBe(0);
    await hcloud('ssh-key', 'delete', 'mine');
    await hcloud('placement-group', 'delete', 'apart');
    await hcloud('network', 'delete', 'inside');
  });

  test('keeps an address beyond its server', async () => {
    const order = ['--type', 'cx23', '--image', 'debian-13', '--location', 'fsn1'];
    await hcloud('server', 'create', '--name', 'giver', ...order);
    await hcloud('server', 'create', '--name', 'taker', ...order, '--without-ipv4');
    const [ip] = [...place.core.project.primaryIps.values()].filter(({ type }) => type === 'ipv4');
    const name = ip?.name ?? '';
    await hcloud('primary-ip', 'update', name, '--auto-delete=false');
    await deleted('giver');
    expect(await refusal('primary-ip', 'assign', name, '--server', 'taker')).toContain('server_not_stopped');
    await hcloud('server', 'poweroff', 'taker');
    await hcloud('primary-ip', 'assign', name, '--server', 'taker');
    expect(await hcloud('server', 'ip', 'taker')).toContain(ip?.ip);
    expect(await refusal('primary-ip', 'delete', name)).toContain('must_be_unassigned');
    await hcloud('primary-ip', 'unassign', name);
    await hcloud('primary-ip', 'delete', name);
  });

  test('reads the catalogue page by page', async () => {
    expect((await hcloud('image', 'list', '-t', 'system', '-o', 'noheader')).trim().split('\n').length).toBeGreaterThan(
      25,
    );
    expect(await hcloud('server-type', 'list')).toContain('cax41');
    expect(await hcloud('location', 'list')).toContain('hel1');
    expect(await hcloud('iso', 'list')).toContain('debian-13');
    expect(await refusal('datacenter', 'list')).toContain('deprecated_api_endpoint');
  });

  test('understands what goes wrong', async () => {
    const { faults } = place.core;
    faults.add({ call: 'GET /servers', times: 100, fault: { kind: 'error', code: 'unavailable' } });
    expect(await refusal('server', 'list')).toContain('unavailable');
    faults.clear();
    faults.add({ call: 'GET /servers', times: 100, fault: { kind: 'html-502' } });
    expect(await refusal('server', 'list')).toContain('502');
    faults.clear();
    faults.add({ call: 'POST /servers', fault: { kind: 'fail-action', command: 'start_server' } });
    const order = ['--name', 'two', '--type', 'cx23', '--image', 'debian-13', '--location', 'fsn1'];
    expect(await refusal('server', 'create', ...order)).toContain('action_failed');
    expect(await statusOf('two')).toBe('off');
    place.core.admin.setStock('cx23', 'nbg1', 'refused');
    expect(await refusal('server', 'create', ...order.with(1, 'three').with(7, 'nbg1'))).toContain(
      'resource_unavailable',
    );
  });
});
