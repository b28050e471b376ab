import { beforeEach, describe, expect, it } from 'vitest';
import type { Contract } from '../../simulators/platform/state.ts';
import { BACKENDS } from './backends.ts';
import { type Host, World } from './world.ts';

const MINUTE = 60_000;

describe('a machine behind its host', () => {
  let world: World;
  let host: Host;
  let contract: Contract;

  beforeEach(async () => {
    world = new World({ seed: 5, backend: BACKENDS.gateway });
    if (world.routing !== undefined) world.routing.weather = 0;
    host = world.addHost();
    world.boot(host);
    await world.run(1_000);
    contract = world.rent();
    await world.run(MINUTE, () => contract.status === 'active');
  });

  const told = (): { public_ip: string; gateway_ssh_port: number } => JSON.parse(contract.details ?? '{}');
  const arrivesAt = (): string | undefined => {
    const door = host.kernel.leadsTo(told().gateway_ssh_port);
    return door === undefined ? undefined : world.ownerOf(door);
  };

  it('is handed over with ports that lead to it', () => {
    expect(contract.status).toBe('active');
    expect(told().public_ip).toBe(host.kernel.publicIp);
    expect(arrivesAt()).toBe(contract.id);
  });

  it('is reached again after its host’s table was flushed', async () => {
    host.kernel.flush();
    expect(arrivesAt()).toBeUndefined();
    await world.run(MINUTE, () => arrivesAt() !== undefined);
    expect(arrivesAt()).toBe(contract.id);
  });

  it('is reached at its new address, by the same ports', async () => {
    const [machine = ''] = world.machinesOf(contract.id);
    const before = host.kernel.leadsTo(told().gateway_ssh_port);
    world.backend.readdress?.(machine);
    await world.run(3 * MINUTE, () => arrivesAt() === contract.id);
    expect(arrivesAt()).toBe(contract.id);
    expect(host.kernel.leadsTo(told().gateway_ssh_port)).not.toBe(before);
  });

  it('has its ports closed before it is removed, and its traffic told until then', async () => {
    await world.run(3 * MINUTE);
    expect(world.platform.state.bandwidth.length).toBeGreaterThan(0);
    let openAtTheEnd: boolean | undefined;
    world.backend.onChange(({ state }) => {
      if (state === 'deleting') openAtTheEnd ??= host.kernel.routes.length > 0;
    });
    world.platform.admin.cancel(contract.id);
    await world.run(3 * MINUTE, () => contract.terminatedAt !== undefined);
    expect([openAtTheEnd, host.kernel.routes]).toEqual([false, []]);
  });
});
