import { beforeEach, describe, expect, it } from 'vitest';
import { ModelDisk } from '../../test/simulation/model-disk.ts';
import { SeededRandom } from '../../test/simulation/seeded-random.ts';
import { VirtualTime } from '../../test/simulation/virtual-time.ts';
import { type Ledger, openLedger } from '../ledger/index.ts';
import { admission, did, goal, HOUR, MACHINE, NOW } from '../lifecycle/fixtures.ts';
import type { ContractEvent, PortRange, RouteData } from '../lifecycle/index.ts';
import type { ContractId } from '../ports/ids.ts';
import { silentLog } from '../ports/log.ts';
import type { AgentDeps, GatewayDeps } from './deps.ts';
import { only } from './fixtures.ts';
import { reserveRoute } from './reserve-route.ts';
import type { Target } from './target.ts';

const FIRST = 'a'.repeat(64) as ContractId;
const NEXT = 'b'.repeat(64) as ContractId;
const ONE_BLOCK: PortRange = { first: 20_000, last: 20_009, perMachine: 10 };
/** One address in it is for machines. */
const ONE_ADDRESS = '10.77.0.0/30';

const target = only<Target>({
  name: 'local' as Target['name'],
  provisioner: only<Target['provisioner']>({
    capabilities: only<Target['provisioner']['capabilities']>({ address: 'static' as never }),
  }),
});

let disk: ModelDisk;
let clock: VirtualTime;
let ledger: Ledger;

beforeEach(async () => {
  disk = new ModelDisk();
  clock = new VirtualTime(NOW);
  ledger = await open();
});

const open = (): Promise<Ledger> => openLedger({ disk, directory: '/state', clock, log: silentLog });

/** What a contract would be promised now. */
function reserve(contract: ContractId, range: PortRange, network?: string) {
  const gateway = only<GatewayDeps>({ range, policy: 'required', serves: () => true, network: network as never });
  return reserveRoute(
    contract,
    target,
    only<AgentDeps>({ clock, ledger, random: new SeededRandom(1), gateway }),
    undefined,
  );
}

/** From its promise to its end. */
function life(route: RouteData, ipv4: string): ContractEvent[] {
  return [
    { ...admission(), route },
    ...did('claim'),
    ...did('create', { instance: { ...MACHINE, ipv4 } }),
    goal('remove'),
    ...did('destroy'),
    { type: 'closed', why: 'removed' },
  ];
}

const ROUTE: RouteData = { slug: 'mine00', firstPort: 20_000, portCount: 10, ipv4: '10.77.0.2' };

describe('what was given back rests for an hour', () => {
  const events = life(ROUTE, '10.77.0.2');
  const moments = events.map((_, index) => index + 1);

  it.each(moments)('whenever the ledger was compacted (after %i entries), and through a restart', async (compacted) => {
    for (const [index, event] of events.entries()) {
      await ledger.append(FIRST, event);
      if (index + 1 === compacted) await ledger.compact();
    }
    await ledger.close();
    ledger = await open();
    await ledger.compact();
    await ledger.close();
    ledger = await open();
    await clock.advance(HOUR - 1);
    expect(reserve(NEXT, ONE_BLOCK)).toEqual({ refused: 'no free ports for another machine' });
    expect(reserve(NEXT, { ...ONE_BLOCK, last: 20_019 }, ONE_ADDRESS)).toEqual({
      refused: 'no free address for another machine',
    });
    await ledger.compact();
    await clock.advance(1);
    expect(reserve(NEXT, ONE_BLOCK, ONE_ADDRESS)).toMatchObject({ route: { firstPort: 20_000, ipv4: '10.77.0.2' } });
  });

  it('also where its contract has come back since, to other ports and another address', async () => {
    await ledger.append(FIRST, ...events);
    await clock.advance(HOUR / 2);
    const other = { ...ROUTE, slug: 'other0', firstPort: 30_000, ipv4: '10.88.0.2' };
    await ledger.append(FIRST, { ...admission(), route: other });
    await ledger.compact();
    await ledger.close();
    ledger = await open();
    await clock.advance(HOUR / 2 - 1);
    expect(reserve(NEXT, ONE_BLOCK)).toEqual({ refused: 'no free ports for another machine' });
    expect(reserve(NEXT, { ...ONE_BLOCK, last: 20_019 }, ONE_ADDRESS)).toHaveProperty('refused');
    await clock.advance(1);
    expect(reserve(NEXT, ONE_BLOCK, ONE_ADDRESS)).toMatchObject({ route: { firstPort: 20_000, ipv4: '10.77.0.2' } });
  });

  it('also where the backend gave the address, and it is told of it only', async () => {
    const { ipv4: _none, ...ports } = ROUTE;
    await ledger.append(FIRST, ...life(ports, '10.77.0.2'));
    await ledger.append(FIRST, { ...admission(), route: { ...ports, firstPort: 30_000 } });
    await ledger.compact();
    expect(reserve(NEXT, { ...ONE_BLOCK, last: 20_019 }, ONE_ADDRESS)).toHaveProperty('refused');
  });

  it('and is forgotten with the contract’s next time after that', async () => {
    await ledger.append(FIRST, ...events);
    await clock.advance(HOUR);
    await ledger.append(FIRST, { ...admission(), route: { ...ROUTE, firstPort: 30_000, ipv4: '10.88.0.2' } });
    expect(ledger.records.get(FIRST)?.formerRoutes).toBeUndefined();
  });
});
