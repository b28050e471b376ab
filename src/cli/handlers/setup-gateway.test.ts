import { chmod, mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { recorder } from '../../../test/cli/harness.ts';
import { only } from '../../agent/fixtures.ts';
import type { GatewayConfig } from '../../config/types.ts';
import { type AcmeDnsAccount, PlatformError } from '../../platform/api.ts';
import type { AgentId } from '../../ports/ids.ts';
import { alone, needsAccount } from '../setup/gateway/account.ts';
import type { GatewayWish } from '../setup/gateway/options.ts';
import { gatewayPlaces, readGatewayRecord } from '../setup/gateway/record.ts';
import { planGatewayUndo } from '../setup/gateway/steps.ts';
import type { Ended, ServiceHost } from '../setup/service/host.ts';
import { installGateway, undoGateway } from './setup-gateway.ts';

const ADDRESSES = JSON.stringify([{ addr_info: [{ family: 'inet', local: '203.0.113.10', prefixlen: 24 }] }]);
const SOURCES = new URL('../../../systemd/', import.meta.url).pathname;
const ABSENT = { code: 1, stdout: '', stderr: 'Error: No such file or directory' };

let root: string;
let host: ServiceHost;
let config: string;
/** What commands answer, by their first words; all others succeed and print nothing. */
let answers: Map<string, Ended>;
let commands: string[];
/** Every account that the platform has given, the latest last: only that one works. */
let given: AcmeDnsAccount[];

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'dc-gateway-'));
  for (const folder of ['run', 'etc/dc-agent', 'opt/dist', 'usr/sbin', 'usr/bin'])
    await mkdir(join(root, folder), { recursive: true });
  await chmod(root, 0o755);
  for (const program of ['usr/sbin/nft', 'usr/bin/caddy', 'opt/dist/main.js'])
    await writeFile(join(root, program), '#!/usr/bin/env node\n// dc-agent 1.2.3\n');
  config = join(root, 'etc/dc-agent/dc-agent.toml');
  await configure('');
  commands = [];
  given = [];
  answers = new Map([
    ['ip -json', { code: 0, stdout: ADDRESSES, stderr: '' }],
    ['systemctl is-active', { code: 3, stdout: '', stderr: '' }],
  ]);
  host = {
    root,
    user: 0,
    node: process.execPath,
    program: join(root, 'opt/dist/main.js'),
    hides: [],
    run: async (argv) => {
      const typed = argv.join(' ').replaceAll(root, '');
      commands.push(typed);
      const [, answer] = [...answers].find(([words]) => typed.startsWith(words)) ?? [];
      return answer ?? { code: 0, stdout: '', stderr: '' };
    },
  };
});
afterEach(() => rm(root, { recursive: true, force: true }));

const configure = (gateway: string): Promise<void> => writeFile(config, `[api]\n${gateway}`, { mode: 0o600 });
const accountFile = (): string => gatewayPlaces(root).acmeDns;

async function register(): Promise<AcmeDnsAccount> {
  const number = String(given.length + 1);
  const account = { serverUrl: 'https://api.example.org', username: number, password: 'hidden', subdomain: number };
  given.push(account);
  return account;
}

async function install(wish: Partial<GatewayWish> = {}, how = register): Promise<string> {
  const io = recorder();
  const all = { bridges: [], web: true, force: false, dryRun: false, dcId: 'dc-one', files: SOURCES, ...wish };
  await installGateway({ wish: all, config, agent: 'a'.repeat(64) as AgentId }, how, io, host);
  return [...io.lines.out, ...io.lines.err].join('\n');
}

describe('the account for certificates', () => {
  test('is registered once, and given to the agent each time', async () => {
    const said = await install();
    expect(said).not.toContain('hidden');
    expect(JSON.parse(await readFile(accountFile(), 'utf8'))).toMatchObject({ dc_id: 'dc-one', username: '1' });
    expect((await stat(accountFile())).mode & 0o777).toBe(0o640);
    commands = [];
    await install();
    expect(given).toHaveLength(1);
    // The run before may have died between the two.
    expect(commands).toContain('chown root:dc-agent /etc/dc-agent/acme-dns.json');
  });

  test('whose answer was lost, or not kept, is replaced by the next run, which keeps the one that works', async () => {
    const lost = async (): Promise<AcmeDnsAccount> => {
      await register();
      throw new PlatformError('unreachable', 'no answer');
    };
    await expect(install({}, lost)).rejects.toThrow(/does not register dc-one/);
    expect(await needsAccount(accountFile(), 'dc-one')).toBe(true);
    await install();
    expect(JSON.parse(await readFile(accountFile(), 'utf8'))).toMatchObject({ username: given.at(-1)?.username });
    await install();
    expect(given).toHaveLength(2);
  });

  test('is never had twice by two runs at once', async () => {
    let goOn: () => void = () => {};
    const registering = new Promise<void>((resolve) => {
      goOn = resolve;
    });
    let begun: () => void = () => {};
    const asked = new Promise<void>((resolve) => {
      begun = resolve;
    });
    const slow = async (): Promise<AcmeDnsAccount> => {
      begun();
      await registering;
      return register();
    };
    const first = alone(host, () => install({}, slow));
    await Promise.race([asked, first]);
    await expect(alone(host, () => install())).rejects.toThrow(/another .* is running/);
    goOn();
    await first;
    await alone(host, () => install());
    expect(given).toHaveLength(1);
  });

  test('of another id is no use, nor is half a file', async () => {
    await install();
    await configure('');
    await install({ dcId: 'dc-two' });
    expect(JSON.parse(await readFile(accountFile(), 'utf8'))).toMatchObject({ dc_id: 'dc-two', username: '2' });
    await writeFile(accountFile(), '{"server_url"');
    await install({ dcId: 'dc-two' });
    expect(given).toHaveLength(3);
  });

  test('is had for names alone too, because the platform makes none below an unknown id', async () => {
    await install({ web: false });
    expect(given).toHaveLength(1);
    await rm(accountFile());
    await configure('[gateway]\ndns = "wildcard"\n');
    await install({ web: false });
    expect(given).toHaveLength(1);
    await configure('[gateway]\ndns = "none"\n');
    await install({ certificates: 'internal' });
    expect(given).toHaveLength(1);
    await configure('[gateway]\ndns = "none"\n');
    await install();
    expect(given).toHaveLength(2);
  });

  test('is not had by a dry run', async () => {
    expect(await install({ dryRun: true })).toMatch(/register dc-one with the platform/);
    expect(given).toEqual([]);
    expect(commands.filter((line) => !/^(ip|ss|systemctl is-active) /.test(line))).toEqual([]);
  });
});

describe('ports that Caddy needs', () => {
  const listening = (port: number): Ended => ({
    code: 0,
    stdout: `LISTEN 0 4096 0.0.0.0:8080 0.0.0.0:*\nLISTEN 0 4096 *:${port} *:*\n`,
    stderr: '',
  });

  test.each([443, 80])('%i being taken by another program is told before anything is changed', async (port) => {
    answers.set('ss ', listening(port));
    await expect(install()).rejects.toThrow(`another program on this host listens on port ${port}`);
    expect(await readFile(config, 'utf8')).toBe('[api]\n');
    await install({ web: false });
  });

  test('ours may have them', async () => {
    answers.set('ss ', listening(443));
    answers.set('systemctl is-active', { code: 0, stdout: '', stderr: '' });
    await install();
    expect(commands).toContain('systemctl restart dc-agent-netd.socket dc-agent-netd.service dc-agent-caddy.service');
  });

  test('not knowing is no free port', async () => {
    answers.set('ss ', { code: 255, stdout: '', stderr: 'Cannot open netlink socket' });
    await expect(install()).rejects.toThrow(/ss .* ended with 255/);
  });
});

describe('taking it back', () => {
  async function undo(): Promise<readonly string[]> {
    const record = await readGatewayRecord(gatewayPlaces(root).record);
    if (record === undefined) throw new Error('nothing was recorded');
    const { steps, kept } = await planGatewayUndo(record, 'dc_agent', host);
    for (const step of steps) await step.apply();
    return kept;
  }

  test('leaves what proves the names, and says so', async () => {
    await install();
    await mkdir(gatewayPlaces(root).caddyState, { recursive: true });
    const kept = (await undo()).join('\n');
    expect(kept).toContain('/etc/dc-agent/acme-dns.json');
    expect(kept).toContain('/var/lib/dc-agent-caddy');
    expect(await readFile(config, 'utf8')).toBe('[api]\n');
    await install();
    expect(given).toHaveLength(1);
  });

  test('goes on without the configuration, and not past one that cannot be read', async () => {
    await install();
    await rm(config);
    expect((await undo()).join('\n')).toContain('take it out by hand');
    await configure('');
    await install();
    await rm(config);
    await mkdir(config);
    await expect(undo()).rejects.toThrow(/EISDIR/);
  });

  test('takes a table that is gone for gone, and no other trouble', async () => {
    await install();
    answers.set('nft delete', ABSENT);
    await undo();
    await install();
    answers.set('nft delete', { code: 1, stdout: '', stderr: 'Error: Operation not permitted' });
    await expect(undo()).rejects.toThrow(/the table inet dc_agent could not be deleted/);
  });

  const GATEWAY = only<GatewayConfig>({
    publicIp: '203.0.113.10',
    nftTable: 'dc_agent',
    tenantInterfaces: [],
    helperSocket: '/nonexistent/netd.sock',
  });
  const asked = (force: boolean): Promise<unknown> =>
    undoGateway({ gateway: GATEWAY }, { dryRun: false, force }, recorder(), host);

  test('with the helper away nothing is torn down that may be in use, but by force', async () => {
    await install();
    commands = [];
    await expect(asked(false)).rejects.toThrow(/does not say how many machines are/);
    expect(commands).toEqual(['nft list table inet dc_agent']);
    expect(await readFile(config, 'utf8')).toContain('[gateway]');
    await asked(true);
    expect(await readFile(config, 'utf8')).toBe('[api]\n');
  });

  test('without a table nobody is reached, so nothing is in the way', async () => {
    await install();
    answers.set('nft list', ABSENT);
    answers.set('nft delete', ABSENT);
    await asked(false);
    expect(await readFile(config, 'utf8')).toBe('[api]\n');
  });
});
