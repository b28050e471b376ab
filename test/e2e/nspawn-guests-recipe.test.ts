import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { machineTool } from '../../simulators/proxmox/guests/machine-tool.ts';
import { login } from '../../simulators/sandbox/ssh-login.ts';
import {
  type Recipe,
  type RecipeOutcome,
  type RootAccess,
  sshFingerprint,
  sshKeyBlob,
  sshKeyPair,
  systemGuest,
  userData,
  waitUntilReady,
} from '../../src/guest/index.ts';
import { systemClock } from '../../src/ports/clock.ts';
import { systemRandom } from '../../src/ports/random.ts';
import { CLOUD_INIT_STATUS, cloudInitState } from '../../src/provisioner/cloud-init.ts';
import { freshOperation } from '../../src/provisioner/conformance/operations.ts';
import { makeKey } from './ground/login.ts';
import { buildMachineRoot, MACHINE_SCRIPT, machinesAvailable } from './ground/machine.ts';
import { Pulse } from './ground/pulse.ts';

const available = await machinesAvailable();
const why = available === true ? '' : ` (skipped: ${available})`;

const made = makeKey('tenant');
/** Without its comment, as an order has it. */
const tenant = { ...made, publicKey: made.publicKey.split(' ', 2).join(' ') };
const agentKey = sshKeyPair(systemRandom.bytes(32), 'dc-agent');
const hostKey = sshKeyPair(systemRandom.bytes(32));
const stranger = sshKeyPair(systemRandom.bytes(32));
const pinned = sshFingerprint(sshKeyBlob(hostKey.publicKey));
const signal = new AbortController().signal;

const DOCUMENT = `#cloud-config
write_files:
  - {path: /root/written, content: "by the offering's document"}
packages_update: false
`;
/** scripts/machine puts the address in where it says dhcp. */
const NETWORK = 'version: 1\nconfig:\n    - type: physical\n      name: eth0\n      subnets:\n      - type: dhcp\n';

const FAILING = '#cloud-config\nruncmd: [[sh, -c, "exit 3"]]\n';
const SCRIPT = '#!/bin/sh\necho "by the script of the offering" >/root/written\n';

describe.skipIf(available !== true)(`deployments in machines with a real cloud-init and SSH server${why}`, () => {
  const tool = machineTool(MACHINE_SCRIPT);
  const pulse = new Pulse(50_000);
  let home: string;
  let address: string;

  beforeAll(async () => {
    await buildMachineRoot();
    home = await mkdtemp(join(tmpdir(), 'dc-recipe-'));
    const agent = { publicKey: agentKey.publicKey, until: Date.now() + 3_600_000 };
    address = await boot('merged', userData({ sshKeys: [tenant.publicKey], hostKey, agentKey: agent }, DOCUMENT));
  }, 400_000);
  afterAll(async () => {
    for (const name of ['merged', 'parts', 'failing']) await tool.down(join(home, name), 'remove');
    await rm(home, { recursive: true, force: true });
  });

  test('the machine shows the key that it was given from its first connection on, and lets the tenant in', async () => {
    const verdicts = new Set<string>();
    const probe = await waitUntilReady({
      clock: systemClock,
      random: systemRandom,
      deadlineMs: 60_000,
      signal,
      async probe(inner) {
        const one = await systemGuest.probeSsh({ ...door(), sshKey: tenant.publicKey, expectHostKey: pinned }, inner);
        verdicts.add(one.state);
        return one;
      },
    });
    expect(probe).toMatchObject({ state: 'ready', hostKey: pinned });
    expect([...verdicts]).not.toContain('wrong-host-key');
    const other = await systemGuest.probeSsh(
      { ...door(), sshKey: tenant.publicKey, expectHostKey: 'SHA256:x' },
      signal,
    );
    expect(other.state).toBe('wrong-host-key');
  });

  test('the merged document has done its work, and cloud-init finds nothing wrong with it', async () => {
    // Not waited for by the script: it is not begun before.
    expect(await run('cloud-init status; cat /root/written')).toMatchObject({
      state: 'finished',
      exit: 0,
      output: expect.stringMatching(/status: done\s+by the offering's document/),
    });
    const document = userData(
      { sshKeys: [tenant.publicKey], hostKey, user: 'deploy', hostname: 'dc-1' },
      DOCUMENT.replace('packages_update: false\n', ''),
    );
    await inside(['sh', '-c', 'cat >/root/document.yaml'], document);
    const { stdout, stderr } = await inside(['cloud-init', 'schema', '--config-file', '/root/document.yaml']);
    expect(`${stdout}${stderr}`).toMatch(/Valid (cloud-config|schema)/);
  });

  test('a script runs as root, once, with its variables, and its end is told', async () => {
    const what = recipe('id -un; echo "$DC_X"; echo run >>/root/runs; exit 7', { env: { DC_X: `it's "$(id)"` } });
    const outcome = await systemGuest.runRecipe(access(), what, { clock: systemClock, signal });
    expect(outcome).toMatchObject({ state: 'finished', exit: 7, output: `root\nit's "$(id)"\n` });
    expect(await systemGuest.runRecipe(access(), what, { clock: systemClock, signal })).toMatchObject({ exit: 7 });
    expect((await inside(['cat', '/root/runs'])).stdout).toBe('run\n');
  });

  test('what is not done in time is ended with all that it started', async () => {
    const outcome = await run('setsid sleep 7001 & sleep 7002', { limitSeconds: 1 });
    expect(outcome).toMatchObject({ state: 'finished', inTime: 'no' });
    expect((await inside(['sh', '-c', 'ps ax | grep -c "[s]leep 700"'])).stdout).toBe('0\n');
  });

  test('nobody with another host key gets anything', async () => {
    const outcome = await systemGuest.runRecipe(
      { ...access(), hostKey: 'SHA256:other' },
      recipe('touch /root/strange'),
      {
        clock: systemClock,
        signal,
      },
    );
    expect(outcome).toEqual({ state: 'wrong-host-key', hostKey: pinned });
    expect((await inside(['ls', '/root/strange'])).exitcode).not.toBe(0);
    const { clock } = { clock: systemClock };
    const withdrawal = { publicKey: agentKey.publicKey, user: 'root' };
    expect(
      await systemGuest.withdrawKey({ ...access(), hostKey: 'SHA256:other' }, withdrawal, { clock, signal }),
    ).toEqual({ state: 'wrong-host-key', hostKey: pinned });
  });

  test('a script that restarts its machine has an end all the same, and is not run again', async () => {
    const what = recipe('echo run >>/root/restarts; systemctl reboot; sleep 100');
    const deps = { clock: systemClock, signal };
    expect(await systemGuest.runRecipe(access(), what, deps)).toEqual({ state: 'interrupted' });
    expect(await systemGuest.runRecipe(access(), what, deps)).toEqual({ state: 'interrupted' });
    expect((await inside(['cat', '/root/restarts'])).stdout).toBe('run\n');
    const after = await systemGuest.probeSsh({ ...door(), sshKey: tenant.publicKey, expectHostKey: pinned }, signal);
    expect(after.state).toBe('ready');
  });

  test('our key goes for every user, is seen to be refused, and the tenant’s stays', async () => {
    await inside([
      'sh',
      '-c',
      'useradd -m else; mkdir -p /home/else/.ssh; cp /root/.ssh/authorized_keys /home/else/.ssh/; chown -R else /home/else',
    ]);
    const users = (
      await inside([
        'sh',
        '-c',
        'grep -lF "$0" /root/.ssh/authorized_keys /home/*/.ssh/authorized_keys',
        agentKey.publicKey.split(' ')[1] ?? '',
      ])
    ).stdout;
    expect(users.trim().split('\n').length).toBeGreaterThanOrEqual(2);
    const withdrawal = { publicKey: agentKey.publicKey, user: 'else' };
    const deps = { clock: systemClock, signal };
    const withdrawn = { state: 'withdrawn', refusedFor: ['root', 'else'] };
    expect(await systemGuest.withdrawKey(access(), withdrawal, deps)).toEqual(withdrawn);
    // Again, as after a crash between the act and its record.
    expect(await systemGuest.withdrawKey(access(), withdrawal, deps)).toEqual(withdrawn);
    expect(
      (await inside(['sh', '-c', 'cat /root/.ssh/authorized_keys /home/*/.ssh/authorized_keys'])).stdout,
    ).not.toContain(agentKey.publicKey.split(' ')[1]);
    const session = await login(22, { host: address, username: 'root', privateKey: tenant.privateKey });
    expect((await session.run('stat -c "%a %U" /root/.ssh/authorized_keys')).stdout).toBe('600 root\n');
    session.end();
  });

  test('a key of ours that stays by another way is not called withdrawn', async () => {
    await inside(
      [
        'sh',
        '-c',
        'mkdir -p /etc/ssh/keys; cat >/etc/ssh/keys/root; echo "AuthorizedKeysFile .ssh/authorized_keys /etc/ssh/keys/%u" >>/etc/ssh/sshd_config; systemctl reload ssh',
      ],
      `${agentKey.publicKey}\n`,
    );
    await pulse.until('the other way', async () => {
      const probe = await systemGuest.probeSsh(
        { ...door(), sshKey: agentKey.publicKey, expectHostKey: pinned },
        signal,
      );
      return probe.state === 'ready';
    });
    const outcome = await systemGuest.withdrawKey(
      access(),
      { publicKey: agentKey.publicKey, user: 'root' },
      { clock: systemClock, signal },
    );
    expect(outcome).toEqual({ state: 'not-yet', why: 'The key still opens the machine for root.' });
    await inside(['rm', '/etc/ssh/keys/root']);
  });

  test('a script of the offering’s travels beside our document, and a key with its last day behind it opens nothing', async () => {
    const late = { publicKey: stranger.publicKey, until: Date.now() - 10 * 86_400_000 };
    address = await boot('parts', userData({ sshKeys: [tenant.publicKey], hostKey, agentKey: late }, SCRIPT));
    await tool.booted(join(home, 'parts'));
    const probe = await systemGuest.probeSsh({ ...door(), sshKey: tenant.publicKey, expectHostKey: pinned }, signal);
    expect(probe.state).toBe('ready');
    const { stdout } = await tool.exec(join(home, 'parts'), [
      'sh',
      '-c',
      'cloud-init status --wait >/dev/null; cat /root/written; grep -c expiry-time /root/.ssh/authorized_keys',
    ]);
    expect(stdout).toBe('by the script of the offering\n1\n');
    const refused = await systemGuest.probeSsh(
      { ...door(), sshKey: stranger.publicKey, expectHostKey: pinned },
      signal,
    );
    expect(refused.state).toBe('key-refused');
  });

  test('a first boot that fails is told with the end of the script, and by the file that backends read', async () => {
    const agent = { publicKey: agentKey.publicKey, until: Date.now() + 3_600_000 };
    const document = userData({ sshKeys: [tenant.publicKey], hostKey, agentKey: agent }, FAILING);
    address = await boot('failing', document);
    const outcome = await run('echo here');
    expect(outcome).toMatchObject({ state: 'finished', exit: 0, cloudInit: 'failed' });
    expect(outcome).toHaveProperty('output', expect.stringMatching(/^cloud-init ended with an error, .*\nhere\n$/));
    const { stdout } = await tool.exec(join(home, 'failing'), ['cat', CLOUD_INIT_STATUS]);
    expect(cloudInitState(stdout)).toEqual({ state: 'failed', why: expect.stringContaining('modules-final: ') });
  });

  async function boot(name: string, document: string): Promise<string> {
    const seed = join(home, `${name}.seed`);
    await mkdir(seed, { recursive: true, mode: 0o700 });
    await writeFile(join(seed, 'user-data'), document, { mode: 0o600 });
    await writeFile(join(seed, 'meta-data'), `instance-id: ${name}\nlocal-hostname: ${name}\n`);
    await writeFile(join(seed, 'network-config'), NETWORK);
    return tool.up(join(home, name), { hostname: name, seed });
  }

  const door = () => ({ host: address, port: 22, user: 'root', timeoutMs: 5_000 });
  const access = (): RootAccess => ({ host: address, port: 22, hostKey: pinned, privateKey: agentKey.privateKey });
  const inside = (command: readonly string[], input?: string) => tool.exec(join(home, 'merged'), command, input);

  function recipe(script: string, more: Partial<Recipe> = {}): Recipe {
    return { operation: freshOperation(), script, env: {}, limitSeconds: 60, ...more };
  }

  function run(script: string, more: Partial<Recipe> = {}): Promise<RecipeOutcome> {
    return systemGuest.runRecipe(access(), recipe(script, more), { clock: systemClock, signal });
  }
});
