import { describe, expect, it } from 'vitest';
import type { Contract } from '../../simulators/platform/state.ts';
import type { ContractId } from '../../src/ports/ids.ts';
import { BACKENDS } from './backends.ts';
import { type Host, type Routing, World } from './world.ts';

const MINUTE = 60_000;

/** As the platform has it. */
interface Told {
  readonly public_ip: string;
  readonly gateway_slug: string;
  readonly gateway_subdomain?: string | null;
}

interface Place {
  readonly world: World;
  readonly host: Host;
  readonly contract: Contract;
  /** What was asked of the platform's DNS, and how the contract stood then. */
  readonly asked: string[];
  told(): Told;
}

/** One host behind whose address a machine was ordered, which nothing has happened to yet. */
async function ordered(how: Partial<Routing>, before: (world: World) => void = () => {}): Promise<Place> {
  const world = new World({ seed: 5, backend: BACKENDS.gateway });
  if (world.routing === undefined) throw new Error('this backend has no gateway');
  Object.assign(world.routing, { weather: 0, policy: 'required', ...how });
  before(world);
  const host = world.addHost();
  world.boot(host);
  await world.run(1_000);
  const contract = world.rent();
  const asked: string[] = [];
  world.platform.onExchange(({ request: { path, body } }) => {
    if (path.endsWith('/agents/dns')) asked.push(`${JSON.parse(body).action} while ${contract.status}`);
  });
  return { world, host, contract, asked, told: () => JSON.parse(contract.details ?? '{}') };
}

async function handedOver(...how: Parameters<typeof ordered>): Promise<Place> {
  const place = await ordered(...how);
  await place.world.run(2 * MINUTE, () => place.contract.status === 'active');
  await place.world.run(MINUTE);
  expect(place.contract.status).toBe('active');
  return place;
}

const REFUSED = { kind: 'server-error', processed: false } as const;

describe('dns = "platform"', () => {
  it('asks for the name once the machine is handed over', async () => {
    const { world, told, asked } = await handedOver({ dns: 'platform' });
    expect(asked).toEqual(['create while active']);
    expect(world.platform.state.dns).toEqual([{ name: told().gateway_subdomain, ip: told().public_ip }]);
  });

  it('keeps no machine from its tenant while there are no names, and asks until there are', async () => {
    const outage = (world: World): void =>
      void world.platform.faults.add({ route: 'dns', match: 'create', times: 5, fault: REFUSED });
    const { world } = await handedOver({ dns: 'platform' }, outage);
    await world.run(240 * MINUTE, () => world.platform.state.dns.length > 0);
    expect(world.platform.state.dns).toHaveLength(1);
  });

  it('asks for its removal until that is done, and closes nothing before', async () => {
    const { world, host, contract, asked } = await handedOver({ dns: 'platform' });
    world.platform.faults.add({ route: 'dns', match: 'delete', times: 5, fault: REFUSED });
    world.platform.admin.cancel(contract.id);
    await world.run(5 * MINUTE, () => contract.terminatedAt !== undefined);
    const record = () => host.process?.agent?.deps.ledger.records.get(contract.id as ContractId);
    expect(world.platform.state.dns).toHaveLength(1);
    expect(record()?.closedAt).toBeUndefined();
    await world.run(240 * MINUTE, () => record()?.closedAt !== undefined);
    expect(world.platform.state.dns).toEqual([]);
    expect(asked.filter((call) => call.startsWith('delete'))).toHaveLength(6);
  });
});

describe.each(['wildcard', 'none'] as const)('dns = "%s"', (dns) => {
  it('asks the platform for no name, nor to remove one, and tells the tenant what there is', async () => {
    const { world, contract, asked, told } = await handedOver({ dns });
    const { gateway_slug: slug, gateway_subdomain: name, public_ip: address } = told();
    expect(name ?? 'none').toMatch(dns === 'none' ? /^none$/ : new RegExp(`^${slug}\\..+\\.gw\\.decent-cloud\\.org$`));
    expect(address).toMatch(/^\d+\./);
    world.platform.admin.cancel(contract.id);
    await world.run(10 * MINUTE, () => contract.terminatedAt !== undefined);
    expect(contract.terminatedAt).toBeDefined();
    expect(asked).toEqual([]);
  });
});

describe('a port that cannot be proved', () => {
  const unproved = async (policy: Routing['policy']): Promise<string> => {
    const { world, host, contract } = await ordered({ dns: 'none', policy });
    // Somebody takes each route out again as soon as it is there.
    const taking = setIntervalOf(world, () => host.kernel.flush());
    await world.run(5 * MINUTE, () => contract.status === 'active');
    taking();
    return contract.status;
  };

  it('keeps the machine back where it is required, and does not with best effort', async () => {
    expect(await unproved('required')).not.toBe('active');
    expect(await unproved('best-effort')).toBe('active');
  });
});

/** Every millisecond of the world's time, until the returned function is called. */
function setIntervalOf(world: World, work: () => void): () => void {
  let goesOn = true;
  const again = (): void => {
    if (!goesOn) return;
    work();
    world.time.after(4, again);
  };
  again();
  return () => {
    goesOn = false;
  };
}
