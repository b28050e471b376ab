import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { describeMachine } from '../../provisioners/proxmox/stamp.ts';
import { nspawnGuests } from '../../simulators/proxmox/guests/nspawn.ts';
import { login as enter } from '../../simulators/sandbox/ssh-login.ts';
import { type AgentId, type ContractId, machineName, type OperationId } from '../../src/ports/ids.ts';
import { expectWholeLife } from './ground/life.ts';
import { login, loginWithPassword, makeKey } from './ground/login.ts';
import { buildMachineRoot, MACHINE_SCRIPT, machinesAvailable } from './ground/machine.ts';
import { expectOrder } from './ground/order.ts';
import { type ProxmoxBackend, proxmoxBackend, whyNoDoors } from './ground/proxmox.ts';
import { openWorld, type World } from './ground/world.ts';

/** Entries of a life's ledger, from the first to the last of them: each version takes every other one. */
const ENTRIES = { '8.4': [1, 6, 9, 13, 17], '9.1': [3, 8, 11, 15] } as const;
const BURST = 20;

// Where CI runs, nothing may be missing.
const inCi = process.env['CI'] === 'true';
const noDoors = inCi ? undefined : await whyNoDoors();
const machines = await machinesAvailable();
const skipped = (why: string | undefined): string => (why === undefined ? '' : ` (skipped: ${why})`);

describe.skipIf(noDoors !== undefined).each(['8.4', '9.1'] as const)(
  `an agent on Proxmox VE %s${skipped(noDoors)}`,
  (personality) => {
    let world: World<ProxmoxBackend>;
    let strangers: readonly string[];
    let before: unknown;

    beforeAll(async () => {
      world = await openWorld(proxmoxBackend({ personality }));
      const { backend } = world;
      const contract = 'ab'.repeat(32) as ContractId;
      const name = machineName(contract);
      const stamp = { agent: '1'.repeat(64) as AgentId, contract, operation: '3'.repeat(32) as OperationId };
      const anothers = { vmid: 200_000, name };
      strangers = [
        backend.addStranger({ vmid: 500, name: 'dc-01' }),
        backend.addStranger({ vmid: 300_000, name: 'dc-01' }),
        backend.addStranger({
          ...anothers,
          description: describeMachine({ ...stamp, ...anothers, stage: 'configured' }),
        }),
      ];
      before = strangers.map(whatItIs);
    });
    afterAll(() => world?.close());

    test('a machine is delivered, paused with its disk kept, resumed under the same address, and removed', async () => {
      const { market, backend, pulse } = world;
      const { host, lease } = await newcomer();
      host.run();
      await expectOrder(world, [lease]);
      const door = doorOf(lease.contract);
      const told = market.row(lease.contract).details;
      const disks = backend.volumesOf(door.externalId);
      expect(disks.length).toBeGreaterThan(0);
      expect(await login(door, lease.privateKey, 'tee /root/kept && echo written')).toBe('written\n');

      market.core.admin.pause(lease.contract);
      await pulse.until(
        'the machine off',
        () => backend.guest(door.externalId).status === 'stopped',
        () => host.lately,
      );
      await expect(login(door, lease.privateKey, 'true')).rejects.toThrow('ECONNREFUSED');
      expect(backend.volumesOf(door.externalId)).toEqual(disks);

      market.core.admin.resume(lease.contract);
      await comesUp(lease);
      await expectOrder(world, [lease]);
      expect(market.row(lease.contract).details).toBe(told);
      expect(backend.volumesOf(door.externalId)).toEqual(disks);
      expect(await login(door, lease.privateKey, 'cat /root/kept && echo kept')).toBe('kept\n');

      market.core.admin.cancel(lease.contract);
      await expectOrder(world, [lease]);
      expect(market.row(lease.contract).terminatedAt).toBeDefined();
      expect(backend.volumesOf(door.externalId)).toEqual([]);
      expect(backend.made.get(lease.contract)?.size).toBe(1);
      expect(await host.stop()).toEqual({ code: 0, signal: null });
    });

    test('twenty contracts at once get one machine each, and no lock stands in the way of any', async () => {
      const { market, backend } = world;
      const clones = backend.ends('qmclone').length;
      const stall = market.stall('proxmox');
      const host = await world.host(stall, { lanes: BURST });
      const leases = Array.from({ length: BURST }, () => market.rent(stall.offering));
      host.run();
      await expectOrder(world, leases);
      expect(leases.map(({ contract }) => market.row(contract).status)).toEqual(leases.map(() => 'active'));
      expect(backend.ends('qmclone').length - clones).toBe(BURST);
      for (const type of ['qmclone', 'qmstart', 'resize']) {
        expect(new Set(backend.ends(type))).toEqual(new Set(backend.ends(type).length === 0 ? [] : ['OK']));
      }
      expect(host.said).not.toMatch(/got timeout|can't lock|is locked/);
      expect(await host.stop()).toEqual({ code: 0, signal: null });
    });

    test('killed after an entry of its ledger, here and there in a life', { timeout: 120_000 }, async () => {
      const entries = ENTRIES[personality];
      const contracts: string[] = [];
      const kills = await Promise.all(
        entries.map(async (entry) => {
          const { host, lease } = await newcomer();
          contracts.push(lease.contract);
          return expectWholeLife(world, host, lease, { DC_AGENT_STOP_AFTER_ENTRY: String(entry) });
        }),
      );
      expect(kills).toEqual(entries.map(() => 1));
      expect(contracts.map((contract) => world.backend.made.get(contract)?.size)).toEqual(contracts.map(() => 1));
    });

    test('a new key replaces the old one, and a new password works, through the guest agent', async () => {
      const { market, pulse } = world;
      market.core.quirks.passwordResetListFails = false;
      const sent: string[] = [];
      market.core.onExchange(({ request }) => {
        if (request.path.endsWith('/password')) sent.push(JSON.parse(request.body).newPassword);
      });
      const { host, lease } = await newcomer();
      host.run();
      await expectOrder(world, [lease]);
      const door = doorOf(lease.contract);
      const fresh = makeKey('tenant@new-laptop');
      market.core.admin.rotateKey(lease.contract, fresh.publicKey);
      market.core.admin.resetPassword(lease.contract);
      const row = market.row(lease.contract);
      await pulse.until(
        'both requests to be served',
        () => row.rotationKey === undefined && row.resetRequestedAt === undefined,
        () => host.lately,
      );
      const name = `${machineName(lease.contract)}\n`;
      expect(await login(door, fresh.privateKey, 'hostname')).toBe(name);
      await expect(login(door, lease.privateKey, 'hostname')).rejects.toThrow(/authentication/i);
      const [password = ''] = sent;
      expect(password).not.toBe('');
      expect(await loginWithPassword(door, password, 'hostname')).toBe(name);
      await expect(loginWithPassword(door, `${password}x`, 'hostname')).rejects.toThrow(/authentication/i);
      expect(host.said).not.toContain(password);
      expect(await host.stop()).toEqual({ code: 0, signal: null });
    });

    test('after its node has rebooted a machine runs again, as it was told', async () => {
      const { market, backend } = world;
      const { host, lease } = await newcomer();
      host.run();
      await expectOrder(world, [lease]);
      const told = market.row(lease.contract).details;
      await backend.host.playground.core.admin.reboot('pve', 1_000);
      await comesUp(lease);
      await expectOrder(world, [lease]);
      expect(market.row(lease.contract).details).toBe(told);
      expect(backend.made.get(lease.contract)?.size).toBe(1);
      expect(await host.stop()).toEqual({ code: 0, signal: null });
    });

    test('machines of others were left alone through all of it', async () => {
      const { backend, pulse } = world;
      expect(strangers.flatMap((id) => backend.writesTo(id))).toEqual([]);
      expect(strangers.map(whatItIs)).toEqual(before);
      // The node started them after its reboot.
      await pulse.until('theirs to run', () => strangers.every((id) => backend.guest(id).status === 'running'));
      expect(backend.problems).toEqual([]);
    });

    async function newcomer() {
      const stall = world.market.stall('proxmox');
      return { host: await world.host(stall), lease: world.market.rent(stall.offering) };
    }

    function doorOf(contract: string) {
      const door = world.market.details(contract);
      if (door === undefined) throw new Error('handed over without details');
      return door;
    }

    /** A login that is accepted again. */
    function comesUp({ contract, privateKey }: { readonly contract: string; readonly privateKey: string }) {
      const knock = (): Promise<string | undefined> =>
        login(doorOf(contract), privateKey, 'hostname').catch(() => undefined);
      return world.pulse.until('a login', knock, () => world.hosts.at(-1)?.lately ?? '');
    }

    function whatItIs(id: string): unknown {
      const { config, pool, createdAt } = world.backend.guest(id);
      return { config: Object.fromEntries(config), pool, createdAt };
    }
  },
);

describe.skipIf(machines !== true)(
  `an agent on Proxmox VE whose machines a real system boots in${skipped(machines === true ? undefined : machines)}`,
  () => {
    let world: World<ProxmoxBackend>;
    let directory: string;

    beforeAll(async () => {
      await buildMachineRoot();
      directory = await mkdtemp(join(tmpdir(), 'dc-proxmox-'));
      const driver = nspawnGuests({ script: MACHINE_SCRIPT, directory });
      world = await openWorld(
        proxmoxBackend({ personality: '9.1', inside: { driver, settings: () => 'ci_user = "tenant"' } }),
      );
    }, 400_000);
    afterAll(async () => {
      await world?.close();
      if (directory !== undefined) await rm(directory, { recursive: true, force: true });
    });

    test('a contract ends in a login at a real SSH server, under the address that DHCP gave', async () => {
      const { market, backend, pulse } = world;
      const stall = market.stall('proxmox');
      const host = await world.host(stall);
      const lease = market.rent(stall.offering);
      host.run();
      await pulse.until(
        'the contract active',
        () => market.row(lease.contract).status === 'active',
        () => host.lately,
      );
      const door = market.details(lease.contract);
      const guest = backend.guestOf(lease.contract);
      expect(door).toMatchObject({ host: guest?.guest.ssh?.host, port: 22, externalId: String(guest?.vmid) });
      const how = { host: door?.host ?? '', username: 'tenant', readyTimeout: 20_000 };
      const session = await enter(22, { ...how, privateKey: lease.privateKey });
      expect((await session.run('hostname')).stdout).toBe(`${machineName(lease.contract)}\n`);
      session.end();
      await expect(enter(22, { ...how, privateKey: makeKey().privateKey })).rejects.toThrow('authentication');

      market.core.admin.cancel(lease.contract);
      await pulse.until(
        'the machine gone, and the platform told',
        () => backend.guestOf(lease.contract) === undefined && market.row(lease.contract).terminatedAt !== undefined,
        () => host.lately,
      );
      expect(await host.stop()).toEqual({ code: 0, signal: null });
    });
  },
);
