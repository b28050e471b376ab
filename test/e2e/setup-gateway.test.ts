import { execFileSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type DevPlatform, startDevPlatform } from '../../simulators/platform/cli.ts';
import { EXIT } from '../../src/cli/exit.ts';
import { hasCaddy } from './ground/caddy.ts';
import { buildMachineRoot, type Machine, machinesAvailable } from './ground/machine.ts';
import { bootHost } from './ground/machine-host.ts';

const available = (await machinesAvailable()) === true && hasCaddy();

const CONFIG = '/etc/dc-agent/dc-agent.toml';
const PUBLIC = '203.0.113.10';
const MADE = [
  '/etc/systemd/system/dc-agent-netd.socket',
  '/etc/systemd/system/dc-agent-netd.service',
  '/etc/systemd/system/dc-agent-netd.service.d/10-setup.conf',
  '/etc/systemd/system/dc-agent-caddy.service',
  '/etc/sysctl.d/99-dc-gateway.conf',
  '/etc/dc-agent/caddy.json',
];

/** Inside, nspawn lets nobody change the kernel's settings: what `sysctl` would do is done from outside. */
function allowForwarding(address: string): void {
  const ip = (...argv: string[]): string => execFileSync('ip', argv, { encoding: 'utf8', timeout: 20_000 });
  const names = ip('netns', 'list')
    .split('\n')
    .map((line) => line.split(' ')[0] ?? '');
  const name = names.find((one) => one !== '' && ip('-n', one, 'address').includes(`${address}/32`));
  if (name === undefined) throw new Error(`no network namespace has ${address}`);
  ip('netns', 'exec', name, 'sysctl', '--write', 'net.ipv4.ip_forward=1');
}

describe.skipIf(!available)(
  'a gateway on a host that systemd has booted (needs root, systemd-nspawn and Caddy)',
  () => {
    let host: Machine;
    let platform: DevPlatform;
    let registrations = 0;
    let written: string;

    beforeAll(async () => {
      await buildMachineRoot();
      host = await bootHost({ '/usr/bin/caddy': '/usr/bin/caddy' });
      platform = await startDevPlatform({ host: host.gateway, seedOffering: 'script' });
      platform.core.onExchange(({ request }) => {
        if (request.path.endsWith('/gateway/register')) registrations++;
      });
      const keys = ['provision', 'terminate', 'health_check', 'list'];
      const settings = keys.flatMap((key) => ['--set', `${key}=/opt/backend`]);
      const token = ['--token', platform.setupToken, '--api-url', platform.url];
      await host.run('dc-agent', 'setup', 'token', ...token, '--provisioner', 'script', ...settings);
      await host.run('dc-agent', 'setup', 'service');
      // What Debian's package of Caddy makes.
      await host.run('useradd', '--system', '--user-group', 'caddy');
      await host.run('ip', 'address', 'add', `${PUBLIC}/32`, 'dev', 'lo');
      allowForwarding(host.address);
      written = await host.run('cat', CONFIG);
    }, 400_000);
    afterAll(async () => {
      await host?.remove();
      await platform?.close();
    });

    const setUp = (...options: string[]) =>
      host.exec(['dc-agent', 'setup', 'gateway', '--public-ip', PUBLIC, ...options]);
    const state = async (...units: string[]): Promise<string> =>
      (await host.exec(['systemctl', 'is-active', ...units])).stdout.trim();
    const exists = async (path: string): Promise<boolean> => (await host.exec(['test', '-e', path])).exitcode === 0;

    test('a dry run shows every file and command, and changes nothing', async () => {
      const { exitcode, stdout, stderr } = await setUp('--dry-run');
      expect(exitcode, stderr).toBe(EXIT.ok);
      for (const path of MADE) expect(stdout).toContain(`write ${path} (0644)`);
      expect(stdout).toContain('run systemctl enable dc-agent-netd.socket');
      expect(stdout).toMatch(/register dc-[0-9a-f]{8} with the platform/);
      for (const path of MADE) expect(await exists(path)).toBe(false);
      expect(await host.run('cat', CONFIG)).toBe(written);
      expect(registrations).toBe(0);
    });

    test('one command makes it, with the helper, Caddy and the account for certificates', async () => {
      const { stdout, stderr } = await setUp();
      expect(await state('dc-agent-netd.socket', 'dc-agent-caddy.service', 'dc-agent.service'), stdout + stderr).toBe(
        'active\nactive\nactive',
      );
      expect(registrations).toBe(1);
      expect(await host.run('stat', '--format=%a %U %G', '/etc/dc-agent/acme-dns.json')).toBe('640 root dc-agent\n');
      expect(await host.run('cat', '/proc/sys/net/ipv4/ip_forward')).toBe('1\n');
      expect(await host.run('nft', 'list', 'tables')).toContain('table inet dc_agent');
      expect(await host.run('cat', CONFIG)).toContain(`public_ip = "${PUBLIC}"`);
      expect(stdout).toMatch(/PASS {2}Caddy answers/);
      expect(stdout).not.toMatch(/FAIL .*helper/);
    });

    test('the agent’s own user reaches both sockets, and a stranger neither', async () => {
      const knock = (user: string, path: string) =>
        host.exec([
          'runuser',
          '-u',
          user,
          '--',
          '/usr/local/bin/node',
          '-e',
          `require('node:net').connect(${JSON.stringify(path)}).on('connect', () => process.exit(0)).on('error', () => process.exit(1))`,
        ]);
      for (const path of ['/run/dc-agent-netd/netd.sock', '/run/dc-agent-caddy/admin.sock']) {
        expect((await knock('dc-agent', path)).exitcode, path).toBe(0);
        expect((await knock('nobody', path)).exitcode, path).toBe(1);
      }
    });

    test('again, it changes nothing and registers nothing', async () => {
      const { stderr } = await setUp();
      for (const path of MADE) expect(stderr).toContain(`write ${path} (0644): as it was`);
      expect(registrations).toBe(1);
    });

    test('and it is taken back to the last file', async () => {
      const { exitcode, stdout, stderr } = await host.exec(['dc-agent', 'setup', 'gateway', '--undo']);
      expect(exitcode, stdout + stderr).toBe(EXIT.ok);
      for (const path of MADE) expect(await exists(path), path).toBe(false);
      expect(await host.run('cat', CONFIG)).toBe(written);
      expect(await host.run('nft', 'list', 'tables')).not.toContain('dc_agent');
      expect(await state('dc-agent-netd.socket', 'dc-agent-caddy.service', 'dc-agent.service')).toBe(
        'inactive\ninactive\nactive',
      );
    });
  },
);
