import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Host } from './ground/host.ts';
import { login } from './ground/login.ts';
import type { Lease } from './ground/market.ts';
import { expectOrder } from './ground/order.ts';
import { type SandboxBackend, sandboxBackend } from './ground/sandbox.ts';
import { openWorld, type World } from './ground/world.ts';

describe('the health of a machine, by a running agent', () => {
  let world: World<SandboxBackend>;
  let host: Host;
  let lease: Lease;
  let machine: string;

  beforeEach(async () => {
    world = await openWorld(sandboxBackend);
    const stall = world.market.stall('sandbox');
    host = await world.host(stall, { healthSeconds: 1 });
    lease = world.market.rent(stall.offering);
    host.run();
    await expectOrder(world);
    machine = world.market.details(lease.contract)?.externalId ?? '';
    await until('a good report', () => states().includes('healthy'));
  });
  afterEach(() => world?.close());

  const rows = () => world.market.core.state.health.get(lease.contract) ?? [];
  const states = (): readonly string[] => rows().map(({ status }) => status);
  const until = <T>(what: string, look: () => T | Promise<T>) => world.pulse.until(what, look, () => host.lately);
  const own = async () => {
    const { contracts } = JSON.parse((await host.dc('status', '--json')).out);
    return contracts.find(({ contract }: { contract: string }) => contract === lease.contract);
  };

  const backendState = async () => JSON.parse((await host.dc('status', '--json')).out).targets[0].state;

  test('an outage is reported as one, with its end, and can be proved; a backend that is away is none', async () => {
    const { backend } = world;
    expect(rows().find(({ status }) => status === 'healthy')?.latencyMs).toBeGreaterThanOrEqual(0);

    // It goes off by itself, and the agent's attempts to start it fail for a while.
    const failing = backend.core.faults.add({
      call: 'start',
      times: Number.POSITIVE_INFINITY,
      fault: { kind: 'status', status: 503 },
    });
    backend.core.admin.powerOff(machine);
    await until('the outage in the report', () => states().at(-1) === 'unhealthy');
    await until('the outage in the status', async () => (await own()).health.state === 'down');
    failing();
    await until('the end of the outage in the report', () => states().at(-1) === 'healthy');
    await until('the end of the outage in the status', async () => (await own()).health.state === 'up');

    const before = rows().length;
    backend.core.admin.setReachable(false);
    await until('a backend that is away', async () => (await backendState()) === 'failing');
    await until('two reports meanwhile', () => rows().length > before + 1);
    expect((await own()).health.state).toBe('up');
    backend.core.admin.setReachable(true);
    // The machine answers its tenant, whatever its backend does.
    expect(new Set(states().slice(before))).toEqual(new Set(['healthy']));

    const told = JSON.parse((await host.dc('uptime', lease.contract, '--json')).out);
    expect(told.outages).toHaveLength(1);
    const file = join(host.stateDir, 'shown.uptime');
    expect((await host.dc('uptime', 'export', lease.contract, '--out', file)).code).toBe(0);
    expect([0, 4]).toContain((await host.dc('uptime', 'verify', file, '--agent-key', host.agent)).code);
    expect(await readFile(file, 'utf8')).toMatch(/^\d+ down$/m);
    expect(await host.stop()).toEqual({ code: 0, signal: null });
  });

  test('a pause keeps machine, address, host key and keys; nobody asks the machine meanwhile, and that is said', async () => {
    const { market, backend } = world;
    const door = market.details(lease.contract);
    if (door === undefined) throw new Error('handed over without details');
    const { details } = market.row(lease.contract);
    const uid = backend.core.machines.get(machine)?.uid;

    market.core.admin.pause(lease.contract);
    await until('the machine off', () => backend.core.machines.get(machine)?.state === 'stopped');
    await until('the pause in the status', async () => (await own()).health.state === 'paused');
    const silent = rows().length;
    const said = host.said.length;
    await until('a few more cycles', () => host.said.slice(said).split('reconcile').length > 4);
    expect(rows()).toHaveLength(silent);
    expect(states()).not.toContain('unhealthy');
    const words = 'neither asked nor reported while paused, by design';
    expect((await host.dc('status')).out).toContain(words);
    expect((await host.dc('explain', lease.contract)).out).toContain(words);

    market.core.admin.resume(lease.contract);
    await until('a good report again', () => states().slice(silent).includes('healthy'));
    expect(market.row(lease.contract).details).toBe(details);
    expect(backend.core.machines.get(machine)?.uid).toBe(uid);
    // By the same address, and with the host key that the details name.
    expect(await login(door, lease.privateKey, 'uname -n')).toContain('dc-');
    expect(states()).not.toContain('unhealthy');
    expect(await host.stop()).toEqual({ code: 0, signal: null });
  });
});
