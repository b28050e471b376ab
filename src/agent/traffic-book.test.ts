import { beforeEach, describe, expect, it } from 'vitest';
import { SeededRandom } from '../../test/simulation/seeded-random.ts';
import { VirtualTime } from '../../test/simulation/virtual-time.ts';
import type { Gateway, Route, RouteTraffic } from '../gateway/port.ts';
import { CONTRACT, NOW, told, upTo } from '../lifecycle/fixtures.ts';
import type { ContractRecord } from '../lifecycle/index.ts';
import type { ContractId } from '../ports/ids.ts';
import type { Log } from '../ports/log.ts';
import { silentLog } from '../ports/log.ts';
import type { AgentDeps, GatewayDeps } from './deps.ts';
import { only } from './fixtures.ts';
import type { Target } from './target.ts';
import { TrafficBook } from './traffic-book.ts';

const RECORD: ContractRecord = {
  ...told(...upTo('release')),
  route: { slug: 'abc123', firstPort: 20_000, portCount: 10 },
};
const SIGNAL = new AbortController().signal;

let time: VirtualTime;
let counters: readonly RouteTraffic[];
let disk: Uint8Array | undefined;
let diskFull: boolean;
let warnings: string[];
let records: Map<ContractId, ContractRecord>;

beforeEach(() => {
  time = new VirtualTime(NOW);
  counters = [];
  disk = undefined;
  diskFull = false;
  warnings = [];
  records = new Map([[CONTRACT, RECORD]]);
});

/** One life of the agent. */
function book(more: Partial<GatewayDeps> = {}, targets: readonly Target[] = []): TrafficBook {
  const log: Log = {
    ...silentLog,
    warn: (_, message) => void warnings.push(message),
    error: (_, message) => void warnings.push(message),
  };
  const deps = only<AgentDeps>({
    clock: time,
    random: new SeededRandom(1),
    log: { ...log, child: () => log },
    ledger: only<AgentDeps['ledger']>({ records }),
    gateway: only<GatewayDeps>({
      port: only<Gateway>({ traffic: async () => counters }),
      ...more,
      monthlyAllowanceBytes: more.monthlyAllowanceBytes ?? Infinity,
    }),
    trafficStore: {
      read: async () => disk,
      replace: async (bytes) => {
        if (diskFull) throw new Error('ENOSPC');
        disk = bytes;
      },
    },
  });
  return new TrafficBook(deps, targets);
}

function counted(bytesIn: number, bytesOut: number, contract = CONTRACT): void {
  counters = [{ contract, bytesIn, bytesOut }];
}

describe('the traffic of machines', () => {
  it('is told to the platform as sums that outlast counters and the agent', async () => {
    const first = book();
    expect(first.stats()).toEqual([]);
    counted(100, 10);
    await first.lookAtGateway(SIGNAL);
    await first.save();
    const second = book();
    expect(second.stats()).toEqual([]);
    // As the daemon does before its first heartbeat.
    await second.open();
    expect(second.stats()).toMatchObject([{ bytesIn: 100, bytesOut: 10 }]);
    counted(30, 3);
    await second.lookAtGateway(SIGNAL);
    expect(second.stats()).toMatchObject([{ bytesIn: 100 }]);
    await second.save();
    expect(second.stats()).toEqual([{ gatewaySlug: 'abc123', contractId: CONTRACT, bytesIn: 130, bytesOut: 13 }]);
  });

  it('of contracts that are over, not handed over, or without ports is not told', async () => {
    counted(100, 10);
    const one = book();
    await one.lookAtGateway(SIGNAL);
    await one.save();
    expect(one.stats()).toHaveLength(1);
    const { route: _route, ...unrouted } = RECORD;
    for (const record of [{ ...RECORD, closedAt: NOW }, { ...RECORD, delivered: false }, unrouted]) {
      records.set(CONTRACT, record);
      expect(one.stats()).toEqual([]);
    }
    expect(one.of(CONTRACT)).toMatchObject({ in: 100, out: 10 });
  });

  it('of what is not in the ledger is nobody’s', async () => {
    counted(100, 10, 'f'.repeat(64) as ContractId);
    const one = book();
    await one.lookAtGateway(SIGNAL);
    await one.save();
    expect(disk).toBeUndefined();
  });

  it('is not lost when it cannot be saved, and is saved later', async () => {
    const one = book();
    counted(100, 10);
    await one.lookAtGateway(SIGNAL);
    diskFull = true;
    await one.save();
    expect(warnings).toEqual(['traffic totals cannot be saved; it is tried again']);
    expect(one.stats()).toEqual([]);
    diskFull = false;
    await one.save();
    expect(Buffer.from(disk ?? []).toString()).toContain(`"${CONTRACT}":{"in":100,"out":10`);
  });

  it('begins anew, and says so, when what was saved cannot be read', async () => {
    disk = Buffer.from('{"version":1,"contracts":{"x":{"in":"a"}}}');
    const one = book();
    counted(100, 10);
    await one.lookAtGateway(SIGNAL);
    expect(warnings).toEqual(['the traffic totals of earlier times cannot be read: they begin anew']);
    expect(one.of(CONTRACT)).toMatchObject({ in: 100 });
  });

  it('is taken from the backend where that can tell', async () => {
    const seen = [{ contract: CONTRACT, bytesIn: 7_000, bytesOut: 700 }];
    const target = only<Target>({
      name: 'local' as Target['name'],
      provisioner: only<Target['provisioner']>({ traffic: async () => seen }),
    });
    const one = book({}, [target]);
    await one.lookAtBackend(target, SIGNAL);
    counted(100, 10);
    await one.lookAtGateway(SIGNAL);
    expect(one.of(CONTRACT)).toMatchObject({ in: 7_000, out: 700, source: 'backend' });
  });

  it('that cannot be read now is read later', async () => {
    const one = book({ port: only<Gateway>({ traffic: async () => Promise.reject(new Error('no answer')) }) });
    await one.lookAtGateway(SIGNAL);
    expect(one.of(CONTRACT)).toBeUndefined();
  });

  it('beyond the allowance of the month is said once, and shown until the month is over', async () => {
    const one = book({ monthlyAllowanceBytes: 1_000 });
    counted(900, 100);
    await one.lookAtGateway(SIGNAL);
    expect([one.over, warnings]).toEqual([[], []]);
    counted(900, 101);
    await one.lookAtGateway(SIGNAL);
    await one.lookAtGateway(SIGNAL);
    expect([one.over, warnings]).toEqual([[CONTRACT], ['a machine is over its monthly allowance']]);
    await time.advance(31 * 86_400_000);
    expect(one.over).toEqual([]);
  });

  it('beyond the allowance slows the machine down where that is wanted, after a restart too, until the month is over', async () => {
    const limited = { monthlyAllowanceBytes: 1_000, allowanceAction: 'throttle' } as const;
    const route: Route = {
      contract: CONTRACT,
      slug: 'abc123',
      firstPort: 20_000,
      portCount: 10,
      machine: { ipv4: '10.77.0.2', sshPort: 22 },
    };
    const one = book(limited);
    counted(900, 100);
    await one.lookAtGateway(SIGNAL);
    expect(one.paced(route)).toBe(route);
    counted(900, 101);
    await one.lookAtGateway(SIGNAL);
    await one.save();
    expect(one.paced(route)).toEqual({ ...route, pace: 'slow' });
    const other = { ...route, contract: 'f'.repeat(64) as ContractId };
    expect(one.paced(other)).toBe(other);
    expect(book({ ...limited, allowanceAction: 'notify' }).paced(route)).toBe(route);

    const later = book(limited);
    await later.open();
    expect(later.paced(route)).toEqual({ ...route, pace: 'slow' });
    await time.advance(31 * 86_400_000);
    expect(later.paced(route)).toBe(route);
  });
});
