import { beforeEach, describe, expect, it } from 'vitest';
import { SeededRandom } from '../../test/simulation/seeded-random.ts';
import { VirtualTime } from '../../test/simulation/virtual-time.ts';
import { type Applied, type Gateway, GatewayError, type Route } from '../gateway/port.ts';
import { CONTRACT, NOW, told, upTo } from '../lifecycle/fixtures.ts';
import type { ContractRecord, InstanceData } from '../lifecycle/index.ts';
import type { ContractId, ExternalId } from '../ports/ids.ts';
import { type Log, silentLog } from '../ports/log.ts';
import type { AgentDeps, AgentSettings, GatewayDeps } from './deps.ts';
import { details } from './details.ts';
import { Parked } from './failures.ts';
import { only } from './fixtures.ts';
import { RouteLane, sshEndpoint } from './route-lane.ts';

const CYCLE = 30_000;
const OTHER = 'b'.repeat(64) as ContractId;

function machine(host: string): InstanceData {
  return { externalId: 'machine-1' as ExternalId, ipv4: host, ssh: { host, port: 22, user: 'admin' } };
}

function routed(contract: ContractId, firstPort: number, host: string): ContractRecord {
  return {
    ...told(...upTo('release')),
    contract,
    instance: machine(host),
    route: { slug: `s${firstPort}`, firstPort, portCount: 10 },
    routeState: 'open',
  };
}

let time: VirtualTime;
let records: Map<ContractId, ContractRecord>;
let applied: (readonly Route[])[];
let answer: () => Promise<Partial<Applied>>;
let absent: Set<ContractId>;
let said: string[];
let lane: RouteLane;

beforeEach(() => {
  time = new VirtualTime(NOW);
  records = new Map([[CONTRACT, routed(CONTRACT, 20_000, '10.0.0.5')]]);
  applied = [];
  absent = new Set();
  said = [];
  answer = async () => ({});
  lane = make();
});

function make(): RouteLane {
  const log: Log = { ...silentLog, warn: (_, text) => void said.push(text), error: (_, text) => void said.push(text) };
  const gateway = only<GatewayDeps>({
    port: only<Gateway>({
      apply: async (routes) => {
        applied.push(routes);
        return { repaired: [], refused: new Map(), missing: new Map(), ...(await answer()) };
      },
    }),
  });
  const deps = only<AgentDeps>({
    clock: time,
    random: new SeededRandom(1),
    log,
    settings: only<AgentSettings>({ reconcileIntervalMs: CYCLE }),
    ledger: only<AgentDeps['ledger']>({ records }),
  });
  return new RouteLane({ deps, gateway, isAbsent: ({ contract }) => absent.has(contract) });
}

const signal = (): AbortSignal => new AbortController().signal;

describe('the lane of routes', () => {
  it('makes them anew in every cycle, whatever became of them, and says what had to be repaired', async () => {
    lane.start();
    await time.advance(1_000);
    expect(applied.map((routes) => routes.map(({ slug }) => slug))).toEqual([['s20000']]);
    answer = async () => ({ repaired: ['port 20000 was missing'] });
    await time.advance(2 * CYCLE);
    expect(applied.length).toBeGreaterThanOrEqual(2);
    expect(said).toContain('a route was not as it should be: repaired');
  });

  it('serves many changes with one pass, and one that comes while it runs with the next', async () => {
    lane.start();
    await time.advance(1_000);
    const both = [lane.settle(signal()), lane.settle(signal())];
    records.set(OTHER, routed(OTHER, 20_010, '10.0.0.6'));
    const late = lane.settle(signal());
    await Promise.all([...both, late]);
    expect(applied.map((routes) => routes.length)).toEqual([1, 2, 2]);
  });

  it('tells whoever waits of its failure, and tries again', async () => {
    answer = async () => Promise.reject(new GatewayError('retry', 'no helper'));
    lane.start();
    const waiting = lane.settle(signal()).catch((error: unknown) => error);
    await time.advance(2 * CYCLE);
    await expect(waiting).resolves.toMatchObject({ kind: 'retry', message: 'no helper' });
    expect(lane.problem).toBe('no helper');
    answer = async () => ({});
    await time.advance(3 * CYCLE);
    expect(lane.problem).toBeUndefined();
  });

  it('does not wait for a gateway that does not answer', async () => {
    answer = () => new Promise(() => {});
    lane.start();
    await time.advance(2 * CYCLE);
    expect(lane.problem).toBeDefined();
  });

  it('leaves out what must not be open, and names it together with what the gateway refused', async () => {
    records.set(OTHER, routed(OTHER, 20_010, '10.0.0.6'));
    absent.add(CONTRACT);
    answer = async () => ({ refused: new Map([[OTHER, 'outside the range']]) });
    lane.start();
    const { withheld } = await lane.settle(signal());
    expect(applied.at(-1)?.map(({ contract }) => contract)).toEqual([OTHER]);
    expect([...withheld]).toEqual([
      [CONTRACT, 'its machine is not there'],
      [OTHER, 'outside the range'],
    ]);
  });

  it('lets go of whoever waits when it stops, and of one who gives up', async () => {
    answer = () => new Promise(() => {});
    lane.start();
    const controller = new AbortController();
    const given = lane.settle(controller.signal);
    controller.abort(new Parked('goal changed'));
    await expect(given).rejects.toThrow('goal changed');
    const waiting = lane.settle(signal());
    const stopped = lane.stop(new Parked('the agent is stopping'));
    await expect(waiting).rejects.toThrow('the agent is stopping');
    await stopped;
    await expect(lane.settle(controller.signal)).rejects.toThrow('goal changed');
  });
});

describe('the tenant', () => {
  const gateway = only<GatewayDeps>({
    port: only<Gateway>({ publicIp: '203.0.113.10', nameOf: ({ slug }) => `${slug}.dc-1.gw.example.org` }),
  });
  const record = routed(CONTRACT, 20_000, '10.0.0.5');

  it('is told of ports and name in the platform’s own words', () => {
    expect(details(record, machine('10.0.0.5'), gateway)).toMatchObject({
      ip_address: '10.0.0.5',
      public_ip: '203.0.113.10',
      ssh_port: 20_000,
      gateway_slug: 's20000',
      gateway_subdomain: 's20000.dc-1.gw.example.org',
      gateway_ssh_port: 20_000,
      gateway_port_range_start: 20_000,
      gateway_port_range_end: 20_009,
    });
  });

  it('is told of no name where there is none, and of nothing where the machine needs no ports', () => {
    const nameless = only<GatewayDeps>({ port: only<Gateway>({ publicIp: '203.0.113.10', nameOf: () => undefined }) });
    expect(details(record, machine('10.0.0.5'), nameless)).not.toHaveProperty('gateway_subdomain');
    const { route: _route, ...unrouted } = record;
    const plain = details(unrouted, machine('192.0.2.5'), gateway);
    expect(Object.keys(plain).filter((key) => key.startsWith('gateway'))).toEqual([]);
    expect(plain).toMatchObject({ ssh_port: 22 });
    expect(details(record, machine('10.0.0.5'), undefined)).toMatchObject({ ssh_port: 22 });
  });

  it('is looked for on the tenant’s own way once that is open', () => {
    expect(sshEndpoint(record, { gateway })).toEqual({ host: '203.0.113.10', port: 20_000, user: 'admin' });
    expect(sshEndpoint({ ...record, routeState: 'opening' }, { gateway })).toMatchObject({
      host: '10.0.0.5',
      port: 22,
    });
    expect(sshEndpoint(record, {})).toMatchObject({ host: '10.0.0.5' });
  });
});
