import { beforeEach, describe, expect, it } from 'vitest';
import type { Contract } from '../../simulators/platform/state.ts';
import { statusDocument } from '../../src/agent/status.ts';
import type { ContractId } from '../../src/ports/ids.ts';
import { BACKENDS } from './backends.ts';
import { type Host, World } from './world.ts';

const MINUTE = 60_000;

describe('a machine behind its host', () => {
  let world: World;
  let host: Host;
  let contract: Contract;

  beforeEach(() => begin({}));

  const begin = async (options: { bootMs?: number }): Promise<void> => {
    world = new World({ seed: 5, backend: BACKENDS.gateway, ...options });
    if (world.routing !== undefined) world.routing.weather = 0;
    host = world.addHost();
    world.boot(host);
    await world.run(1_000);
    contract = world.rent();
    await world.run(2 * MINUTE, () => contract.status === 'active');
  };

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

  it('that gets another address while it boots is found there, and handed over', async () => {
    await begin({ bootMs: 20_000 });
    const second = world.rent();
    const record = () => host.process?.ledger?.records.get(second.id as ContractId);
    await world.run(MINUTE, () => record()?.machine === 'made');
    world.backend.readdress?.(record()?.instance?.externalId ?? '');
    await world.run(1.5 * MINUTE, () => second.status === 'active');
    expect(second.status).toBe('active');
    expect(host.kernel.leadsTo(JSON.parse(second.details ?? '{}').gateway_ssh_port)).toMatch(/^10\.0\.0\.4:/);
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

  describe('whose guest lies about its address', () => {
    let neighbour: Contract;
    const doorsOf = (id: string): string[] =>
      host.kernel.routes.filter((route) => route.contract === id).map(({ machine }) => machine.ipv4);
    const addressOf = (id: string): string => world.backend.addressOf?.(world.machinesOf(id)[0] ?? '') ?? '';
    const lie = (address: string): void => world.backend.lie?.(world.machinesOf(contract.id)[0] ?? '', address);

    beforeEach(async () => {
      neighbour = world.rent();
      await world.run(2 * MINUTE, () => neighbour.status === 'active');
    });

    const findings = () => {
      const { agent } = host.process ?? {};
      if (agent === undefined) throw new Error('it does not run');
      return statusDocument(agent, 1).findings;
    };

    /** The neighbour's whole state as the agent tells it, and that its port still leads to it. */
    const expectUnharmed = (): void => {
      expect(doorsOf(neighbour.id)).toEqual([addressOf(neighbour.id)]);
      expect(host.process?.agent?.health.viewOf(neighbour.id as ContractId)?.state).toBe('up');
      expect(neighbour.status).toBe('active');
    };

    it('and names its neighbour’s: its own port stays where it was, the neighbour’s too, and the operator is told', async () => {
      const own = addressOf(contract.id);
      lie(addressOf(neighbour.id));
      await world.run(10 * MINUTE);
      expect(doorsOf(contract.id)).toEqual([own]);
      expectUnharmed();
      expect(findings().map(({ code }) => code)).toContain('machine.address-claimed');
    });

    it.each(['127.0.0.1', '0.0.0.0', '169.254.169.254', '224.0.0.1', '8.8.8.8', 'fe80::1', '::1', 'evil.example'])(
      'and names %s: no port leads there',
      async (claimed) => {
        const own = addressOf(contract.id);
        lie(claimed);
        await world.run(10 * MINUTE);
        expect(doorsOf(contract.id)).toEqual([own]);
        expectUnharmed();
      },
    );

    it('and names the one that the next machine will get: that one is handed over all the same', async () => {
      const own = addressOf(contract.id);
      lie('10.0.0.4');
      await world.run(5 * MINUTE);
      const next = world.rent();
      await world.run(5 * MINUTE, () => next.status === 'active');
      expect(next.status).toBe('active');
      expect(addressOf(next.id)).toBe('10.0.0.4');
      expect(doorsOf(next.id)).toEqual(['10.0.0.4']);
      expect(doorsOf(contract.id)).toEqual([own]);
      expectUnharmed();
    });

    it('from the beginning, and names its neighbour’s: it gets no port until it is seen where it is', async () => {
      let liar = '';
      world.backend.onChange((machine) => {
        if (machine.contract !== next.id || liar !== '') return;
        liar = machine.id;
        world.backend.lie?.(liar, addressOf(neighbour.id));
      });
      const next = world.rent();
      await world.run(5 * MINUTE);
      expect(liar).not.toBe('');
      expect(doorsOf(next.id)).toEqual([]);
      expect(next.status).not.toBe('active');
      expectUnharmed();
      world.backend.beHonest?.(liar);
      await world.run(5 * MINUTE, () => next.status === 'active');
      expect(next.status).toBe('active');
      expect(doorsOf(next.id)).toEqual([addressOf(next.id)]);
      expectUnharmed();
    });

    it('and names a machine of the provider’s own: no port leads there, and the operator is told', async () => {
      const own = addressOf(contract.id);
      lie(world.backend.addressOf?.(world.backend.addStranger()) ?? '');
      await world.run(5 * MINUTE);
      expect(doorsOf(contract.id)).toEqual([own]);
      expect(findings()).toContainEqual(
        expect.objectContaining({
          code: 'machine.address-claimed',
          title: expect.stringMatching(/where another one answers$/),
        }),
      );
      expectUnharmed();
    });

    it('and names an address that nobody has when it is started again: its port stays, and follows when it moves there', async () => {
      const own = addressOf(contract.id);
      const [machine = ''] = world.machinesOf(contract.id);
      const silent = world.backend.freeAddress?.() ?? '';
      world.platform.admin.pause(contract.id);
      await world.run(3 * MINUTE, () => world.machine(machine)?.state === 'stopped');
      lie(silent);
      world.platform.admin.resume(contract.id);
      await world.run(5 * MINUTE);
      expect(world.machine(machine)?.state).toBe('running');
      expect(doorsOf(contract.id)).toEqual([own]);
      expect(
        findings()
          .map(({ title }) => title)
          .join(),
      ).toMatch(/where nobody answers/);
      world.backend.readdress?.(machine);
      await world.run(2 * MINUTE);
      expect(doorsOf(contract.id)).toEqual([silent]);
      expect(findings().map(({ code }) => code)).not.toContain('machine.address-claimed');
      expectUnharmed();
    });
  });
});
