import { cp, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildInto, ROOT, run } from '../packaging/run.ts';
import { installNft, namespacesAvailable } from './gateway-net-world.ts';
import { bootMachine, buildMachineRoot, type Machine, machinesAvailable } from './ground/machine.ts';

const available = [await machinesAvailable(), namespacesAvailable()].find((answer) => answer !== true) ?? true;
const why = available === true ? '' : ` (skipped: ${available})`;

const CONFIG = '/etc/dc-agent/dc-agent.toml';
const UNITS = ['dc-agent-netd.socket', 'dc-agent-netd.service'];

describe.skipIf(available !== true)(`the network helper on a host that systemd has booted${why}`, () => {
  let home: string;
  let host: Machine;

  beforeAll(async () => {
    await Promise.all([buildMachineRoot(), installNft()]);
    home = await mkdtemp(join(tmpdir(), 'dc-netd-'));
    await mkdir(join(home, 'package'));
    await buildInto(join(home, 'package/dist/main.js'));
    await cp(join(ROOT, 'systemd'), join(home, 'package/systemd'), { recursive: true });
    const here = { [process.execPath]: '/usr/local/bin/node', [join(home, 'package')]: '/usr/local/lib/dc-agent' };
    host = await bootMachine({ hostname: 'provider', binds: { ...here, ...(await nftFiles()) } });
    await host.run('ln', '-s', '/usr/local/lib/dc-agent/dist/main.js', '/usr/local/bin/dc-agent');
    await host.run(
      'install',
      '-D',
      '/usr/local/lib/dc-agent/systemd/dc-agent.sysusers',
      '/etc/sysusers.d/dc-agent.conf',
    );
    await host.run('systemd-sysusers');
    await host.run('install', '-d', '-m', '0750', '-g', 'dc-agent', '/etc/dc-agent');
    await host.exec(['tee', CONFIG], '[gateway]\ndc_id = "dc-test"\npublic_ip = "203.0.113.1"\n');
    await host.run('chown', 'root:dc-agent', CONFIG);
    await host.run('chmod', '0640', CONFIG);
    for (const unit of UNITS) await host.run('cp', `/usr/local/lib/dc-agent/systemd/${unit}`, '/etc/systemd/system/');
    await host.run('systemctl', 'daemon-reload');
  }, 300_000);
  afterAll(async () => {
    await host?.remove();
    await rm(home, { recursive: true, force: true });
  });

  test('its unit starts it, and tenants are kept apart from then on', async () => {
    await host.run('systemctl', 'enable', '--now', ...UNITS);
    expect((await host.run('systemctl', 'is-active', ...UNITS)).trim().split('\n')).toEqual(['active', 'active']);
    await host.run('sh', '-c', 'for i in $(seq 50); do nft list table inet dc_agent && exit; sleep 0.1; done; exit 1');
    const pid = (await host.run('systemctl', 'show', '--property=MainPID', '--value', 'dc-agent-netd')).trim();
    const status = await host.run('cat', `/proc/${pid}/status`);
    for (const set of ['CapEff', 'CapPrm', 'CapBnd'])
      expect(status).toMatch(new RegExp(`^${set}:\t0000000000001000$`, 'm'));
    expect(status).toMatch(/^Seccomp:\t2$/m);
    expect(status).not.toMatch(/^Uid:\t0\t/m);
  });

  test('the agent’s user may ask it, under the sandbox it does what it is asked, and nobody else may', async () => {
    const route = { contract: 'a'.repeat(64), firstPort: 20_000, portCount: 10, ipv4: '10.77.0.2', sshPort: 22 };
    expect(await ask('dc-agent', { op: 'about' })).toMatchObject({
      ok: true,
      answer: { nft: expect.stringMatching(/^\d+\.\d+/) },
    });
    expect(await ask('dc-agent', { op: 'apply', routes: [route] })).toMatchObject({
      ok: true,
      answer: { refused: [] },
    });
    expect(await host.run('nft', 'list', 'map', 'inet', 'dc_agent', 'forwards')).toContain(
      '203.0.113.1 . tcp . 20000 : 10.77.0.2',
    );
    expect(await ask('dc-agent', { op: 'traffic' })).toEqual({
      ok: true,
      answer: { traffic: [{ contract: route.contract, bytesIn: 0, bytesOut: 0 }] },
    });
    await expect(ask('nobody', { op: 'about' })).rejects.toThrow('EACCES');
  });

  test('killed, it is back for the next question, and ports have stayed', async () => {
    await host.run('systemctl', 'kill', '--signal=KILL', 'dc-agent-netd');
    expect(await host.run('nft', 'list', 'map', 'inet', 'dc_agent', 'forwards')).toContain('20000');
    expect(await ask('dc-agent', { op: 'apply', routes: [] })).toMatchObject({ ok: true });
    expect(await host.run('nft', 'list', 'map', 'inet', 'dc_agent', 'forwards')).not.toContain('20000');
  });

  test('a configuration that the agent’s user could change ends it for good', async () => {
    await host.run('chmod', 'g+w', CONFIG);
    await host.exec(['systemctl', 'restart', 'dc-agent-netd']);
    const shown =
      'for i in $(seq 50); do systemctl is-failed -q dc-agent-netd && break; sleep 0.1; done; systemctl show --property=ExecMainStatus,NRestarts dc-agent-netd';
    expect((await host.run('sh', '-c', shown)).trim().split('\n').sort()).toEqual(['ExecMainStatus=78', 'NRestarts=0']);
    expect(await host.run('journalctl', '--unit=dc-agent-netd', '--no-pager')).toContain(
      'can be changed by others than root',
    );
  });

  async function ask(user: string, request: object): Promise<unknown> {
    const line = JSON.stringify(JSON.stringify(request));
    const script = `const s=require('net').connect('/run/dc-agent-netd/netd.sock',()=>s.write(${line}+'\\n'));let t='';s.on('data',(d)=>{t+=d;if(t.includes('\\n')){console.log(t);s.destroy()}});s.on('error',(e)=>{console.error(e.code);process.exit(1)})`;
    return JSON.parse(await host.run('runuser', '-u', user, '--', 'node', '-e', script));
  }
});

/** nft of this host, with its libraries, as the other machine is of the same Debian. */
async function nftFiles(): Promise<Record<string, string>> {
  const { stdout } = await run('ldd', ['/usr/sbin/nft']);
  const libraries = [...stdout.matchAll(/=> (\/\S+)/g)].flatMap(([, path]) => path ?? []);
  const own = libraries.filter((path) => !/\/lib(c|m|dl|pthread)\.so/.test(path));
  return Object.fromEntries(['/usr/sbin/nft', ...own].map((path) => [path, path]));
}
