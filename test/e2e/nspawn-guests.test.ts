import { access, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openStage } from '../../provisioners/proxmox/fixtures.ts';
import { nspawnGuests } from '../../simulators/proxmox/guests/nspawn.ts';
import { cloudInitOf } from '../../simulators/proxmox/qemu/cloud-init.ts';
import type { Guest, GuestDriver } from '../../simulators/proxmox/state.ts';
import { type Login, login } from '../../simulators/sandbox/ssh-login.ts';
import { systemClock } from '../../src/ports/clock.ts';
import { again } from '../../src/provisioner/conformance/operations.ts';
import { operation } from '../../src/provisioner/conformance.ts';
import { makeKey } from './ground/login.ts';
import { buildMachineRoot, MACHINE_SCRIPT, machinesAvailable } from './ground/machine.ts';
import { Pulse } from './ground/pulse.ts';

const available = await machinesAvailable();
const why = available === true ? '' : ` (skipped: ${available})`;

/** When the first process of the machine began, in ticks. */
const STARTED_AT = 'cut --delimiter=" " --fields=22 /proc/1/stat';

const tenant = makeKey('tenant');
const somebody = makeKey('somebody');

describe.skipIf(available !== true)(`machines of a hypervisor with a real system inside${why}`, () => {
  const pulse = new Pulse(50_000);
  let directory: string;
  let driver: GuestDriver;

  beforeAll(async () => {
    await buildMachineRoot();
    directory = await mkdtemp(join(tmpdir(), 'dc-guests-'));
    driver = nspawnGuests({ script: MACHINE_SCRIPT, directory });
  }, 400_000);
  afterAll(async () => {
    await driver?.close();
    if (directory !== undefined) await rm(directory, { recursive: true, force: true });
  });

  test('the tenant’s key opens it under the address that was set, also after it was off; nobody else’s does', async () => {
    const machine = guest(101, 'ip=198.51.100.5/24,gw=198.51.100.1');
    await start(machine);
    expect(machine.guest.ssh).toEqual({ host: '198.51.100.5', port: 22 });
    const first = await comesUp(machine);
    expect(await first.run('hostname')).toMatchObject({ code: 0, stdout: 'dc-101\n' });
    expect((await first.run('ip route show default')).stdout).toContain('default via 198.51.100.1');
    expect((await first.run('touch kept && sync')).code).toBe(0);
    await expect(enter(machine, somebody.privateKey)).rejects.toThrow('authentication methods failed');
    first.end();

    await driver.stopped(machine);
    await expect(enter(machine, tenant.privateKey)).rejects.toThrow();
    await start(machine);
    const second = await comesUp(machine);
    expect(second.hostKey).toBe(first.hostKey);
    expect((await second.run('ls')).stdout).toBe('kept\n');
    second.end();
  });

  test('an address is handed out where DHCP is asked for, and commands go in by the guest agent', async () => {
    const machine = guest(102, 'ip=dhcp');
    await start(machine);
    const session = await comesUp(machine);
    expect(machine.guest.addresses.ipv4).toBe(machine.guest.ssh?.host);
    const { exitcode, stdout } = await exec(machine, ['ip', '-4', '-brief', 'address', 'show', 'eth0']);
    expect({ exitcode, stdout }).toEqual({
      exitcode: 0,
      stdout: expect.stringContaining(machine.guest.ssh?.host ?? ''),
    });
    expect(await exec(machine, ['sh', '-c', 'cat; exit 3'], 'what came in')).toMatchObject({
      exitcode: 3,
      stdout: 'what came in',
    });
    session.end();

    machine.guest.agent = false;
    await expect(exec(machine, ['true'])).rejects.toThrow('QEMU guest agent is not running');
  });

  test('a machine that restarts itself comes back', async () => {
    const machine = guest(103, 'ip=dhcp');
    await start(machine);
    const before = await comesUp(machine);
    const boot = (await before.run(STARTED_AT)).stdout;
    const gone = new Promise((resolve) => before.client.once('close', () => resolve(undefined)));
    await before.run('sudo systemctl reboot');
    await gone;
    const after = await comesUp(machine);
    expect((await after.run(STARTED_AT)).stdout).not.toBe(boot);
    after.end();
  });

  test('nothing is left of one that was destroyed, and its address is free', async () => {
    const machine = guest(104, 'ip=198.51.100.6/24,gw=198.51.100.1');
    await start(machine);
    const twin = guest(105, 'ip=198.51.100.6/24,gw=198.51.100.1');
    await expect(start(twin)).rejects.toThrow('198.51.100.6 is the address of another machine');
    await driver.destroyed(machine);
    await expect(access(join(directory, '104'))).rejects.toThrow('ENOENT');
    await start(twin);
    (await comesUp(twin)).end();
  });

  test('the plugin learns its host key from inside, and runs a script there, once', async () => {
    const timings = { agentMs: 0, addressMs: 0, startMs: 0, linkedCloneMs: 0, statdMs: 0 };
    const stage = openStage({
      clock: systemClock,
      driver,
      timings,
      personality: '8.4',
      settings: { ci_user: 'tenant' },
    });
    const order = stage.order({ sshKey: tenant.publicKey.split(' ').slice(0, 2).join(' ') });
    const op = operation(order.stamp);
    const instance = await stage.provisioner.create(order, op);
    const machine = stage.core.cluster.guests.get(Number(instance.externalId));
    if (machine === undefined) throw new Error('there is no machine');
    const session = await comesUp(machine);
    expect(instance.hostKey).toBe(`ssh-ed25519 ${session.hostKey}`);
    // In a unit of its own, so that it does not end with the guest agent.
    const content = 'echo "$DC_TEXT" as $(id -un); cat /proc/self/cgroup; sleep 5 & echo >>/root/count; exit 4';
    const script = { content, environment: { DC_TEXT: "it's" }, limitSeconds: 30 };
    const ref = { stamp: order.stamp, externalId: instance.externalId, handles: {} };
    const end = await stage.provisioner.runScript(ref, script, op);
    expect(end).toMatchObject({ exit: 4, timedOut: false });
    expect(end.output).toMatch(/^it's as root\n.*\/dc-agent-script-/);
    expect(await stage.open().runScript(ref, script, again(op))).toEqual(end);
    expect((await session.run('sudo cat /root/count')).stdout).toBe('\n');
    expect((await session.run('sudo ls -ld /var/lib/dc-agent/script-*')).stdout).toMatch(/^drwx------ /);
    session.end();
    const ctx = { signal: op.signal, log: op.log };
    const look = () => stage.provisioner.cloudInit(ref, ctx);
    await pulse.until('the end of cloud-init', async () => (await look()).state === 'done' || undefined);
    await stage.provisioner.destroy(ref, op);
    await stage.provisioner.close();
  });

  const start = (machine: Guest) => driver.started(machine, cloudInitOf(machine.vmid, machine.config));

  async function exec(machine: Guest, command: readonly string[], input = '') {
    if (driver.exec === undefined) throw new Error('this driver runs no commands');
    return driver.exec(machine, command, input);
  }

  function enter(machine: Guest, privateKey: string): Promise<Login> {
    const { host, port } = machine.guest.ssh ?? { host: 'unknown', port: 0 };
    return login(port, { host, username: 'tenant', privateKey, readyTimeout: 5000 });
  }

  /** The tenant’s first login that is accepted. */
  function comesUp(machine: Guest): Promise<Login> {
    return pulse.until('a login', () => enter(machine, tenant.privateKey).catch(() => undefined));
  }
});

/** What the hypervisor knows of a machine that was just cloned and configured. */
function guest(vmid: number, ipconfig0: string): Guest {
  const mac = `BC:24:11:00:00:${vmid.toString(16).toUpperCase().padStart(2, '0')}`;
  return {
    vmid,
    node: 'pve1',
    config: new Map([
      ['name', `dc-${vmid}`],
      ['net0', `virtio=${mac},bridge=vmbr0`],
      ['ipconfig0', ipconfig0],
      ['ciuser', 'tenant'],
      ['ciupgrade', '0'],
      ['sshkeys', encodeURIComponent(tenant.publicKey)],
    ]),
    template: false,
    status: 'stopped',
    createdAt: 0,
    traffic: { in: 0, out: 0 },
    guest: { agent: true, acpi: true, addresses: {} },
    firewall: { options: new Map(), rules: [], ipsets: new Map() },
  };
}
