import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ContractId, ExternalId } from '../ports/ids.ts';
import type { Random } from '../ports/random.ts';
import { CONTRACT, HOUR, MACHINE, NOW, told } from './fixtures.ts';
import type { ContractRecord, InstanceData, RouteData } from './record.ts';
import { addressOf, allocateRoute, isBehindHost, openRoutes, type PortRange, routeOf } from './route.ts';

const RANGE: PortRange = { first: 20_000, last: 20_039, perMachine: 10 };

function id(number: number): ContractId {
  return String(number).padStart(64, '0') as ContractId;
}

/** Gives these numbers, again and again. */
function random(...floats: readonly number[]): Random {
  let next = 0;
  return { float: () => floats[next++ % floats.length] ?? 0, bytes: () => new Uint8Array(), uuid: () => '' };
}

function route(firstPort: number, slug = `s${firstPort}`, portCount = 10): RouteData {
  return { slug, firstPort, portCount };
}

function holder(number: number, held: RouteData | undefined, more: Partial<ContractRecord> = {}): ContractRecord {
  return { ...told(), contract: id(number), ...(held === undefined ? {} : { route: held }), ...more };
}

function allocate(records: readonly ContractRecord[], range = RANGE, now = NOW): RouteData | undefined {
  return allocateRoute(CONTRACT, records, { range, random: random(0, 0.999), now });
}

describe('a new route', () => {
  it.each<[string, readonly ContractRecord[], number | undefined]>([
    ['gets the first block', [], 20_000],
    ['gets the lowest that is free', [holder(1, route(20_000)), holder(2, route(20_020))], 20_010],
    ['is not bothered by contracts without a route', [holder(1, undefined)], 20_000],
    ['gets none when all are taken', [0, 1, 2, 3].map((n) => holder(n, route(20_000 + 10 * n))), undefined],
    ['gets none that was closed within the hour', closedAgo(HOUR - 1), undefined],
    ['gets one that was closed an hour ago', closedAgo(HOUR), 20_000],
    ['gets none that was closed in what is the future for a clock that went back', closedAgo(-5 * HOUR), undefined],
    ['steps over a wider block of earlier settings', [holder(1, route(20_000, 'wide', 11))], 20_020],
    ['steps over a block that lies across two', [holder(1, route(20_005))], 20_020],
    ['may touch its neighbours', [holder(1, route(19_990)), holder(2, route(20_010))], 20_000],
    ['does not share the last port of a block', [holder(1, route(19_991))], 20_010],
  ])('%s', (_, records, firstPort) => {
    expect(allocate(records)?.firstPort).toBe(firstPort);
  });

  function closedAgo(ms: number): ContractRecord[] {
    return [0, 1, 2, 3].map((n) => holder(n, route(20_000 + 10 * n), n === 0 ? { closedAt: NOW - ms } : {}));
  }

  it('has as many ports as the settings say, and a slug by chance', () => {
    expect(allocate([])).toEqual({ slug: 'a9a9a9', firstPort: 20_000, portCount: 10 });
  });

  it('leaves a block alone that would not fit any more', () => {
    expect(allocate([holder(1, route(20_000))], { first: 20_000, last: 20_018, perMachine: 10 })).toBeUndefined();
    expect(allocate([holder(1, route(20_000))], { first: 20_000, last: 20_019, perMachine: 10 })?.firstPort).toBe(
      20_010,
    );
  });

  it('may be the one port that there is', () => {
    expect(allocate([], { first: 20_000, last: 20_000, perMachine: 1 })?.firstPort).toBe(20_000);
  });

  it('never has a slug that anybody had, however long ago', () => {
    const old = holder(1, route(20_000, 'a9a9a9'), { closedAt: NOW - 400 * HOUR });
    const given = allocateRoute(CONTRACT, [old], {
      range: RANGE,
      random: random(0, 0.999, 0, 0.999, 0, 0.999, 0.5),
      now: NOW,
    });
    expect(given?.slug).toMatch(/^[a-z0-9]{6}$/);
    expect(given?.slug).not.toBe('a9a9a9');
  });

  describe('of a contract that comes back', () => {
    const own = route(20_020, 'mine00');
    const before = holder(0, own, { contract: CONTRACT, closedAt: NOW - 1 });

    it('is the one that it had', () => {
      expect(allocate([before])).toEqual(own);
    });

    it.each<[string, readonly ContractRecord[], PortRange]>([
      ['when somebody else has the ports by now', [before, holder(1, route(20_020))], RANGE],
      ['when machines get another number of ports by now', [before], { ...RANGE, perMachine: 5 }],
      ['when the range begins later by now', [before], { first: 20_021, last: 20_060, perMachine: 10 }],
      ['when the range ends earlier by now', [before], { first: 20_000, last: 20_028, perMachine: 10 }],
    ])('is another %s', (_, records, range) => {
      expect(allocate(records, range)?.slug).toBe('a9a9a9');
    });

    it('is that one to the last port of the range', () => {
      expect(allocate([before], { first: 20_020, last: 20_029, perMachine: 10 })).toEqual(own);
    });
  });

  it('never overlaps one that is held, whatever happened before', () => {
    const held = fc.record({
      firstPort: fc.integer({ min: 19_980, max: 20_050 }),
      portCount: fc.integer({ min: 1, max: 15 }),
      closed: fc.option(fc.integer({ min: -HOUR, max: 3 * HOUR })),
    });
    fc.assert(
      fc.property(fc.array(held, { maxLength: 8 }), fc.integer({ min: 1, max: 12 }), (list, perMachine) => {
        const records = list.map(({ firstPort, portCount, closed }, n) =>
          holder(n, route(firstPort, `slug${n}`, portCount), closed === null ? {} : { closedAt: NOW - closed }),
        );
        const given = allocate(records, { ...RANGE, perMachine });
        if (given === undefined) return;
        expect(given.firstPort).toBeGreaterThanOrEqual(RANGE.first);
        expect(given.firstPort + perMachine - 1).toBeLessThanOrEqual(RANGE.last);
        for (const { route: other, closedAt } of records) {
          if (other === undefined || (closedAt !== undefined && NOW - closedAt >= HOUR)) continue;
          const apart =
            given.firstPort + perMachine <= other.firstPort || other.firstPort + other.portCount <= given.firstPort;
          expect(apart).toBe(true);
        }
      }),
    );
  });
});

function at(host: string, more: Partial<InstanceData> = {}): InstanceData {
  return { externalId: 'machine-1' as ExternalId, ipv4: host, ssh: { host, port: 22, user: 'root' }, ...more };
}

describe('a machine', () => {
  it.each([
    '10.0.0.5',
    '10.255.1.2',
    '172.16.0.1',
    '172.20.3.4',
    '172.31.9.9',
    '192.168.1.7',
    '100.64.0.1',
    '100.127.9.9',
    '100.99.1.1',
    '100.101.1.1',
  ])('at %s is behind this host', (host) => expect(isBehindHost(at(host))).toBe(true));

  it.each([
    '8.8.8.8',
    '172.15.0.1',
    '172.32.0.1',
    '192.169.1.1',
    '100.63.0.1',
    '100.128.0.1',
    '127.0.0.1',
    '110.0.0.1',
    'vm.example.org',
    '10.0.0.5.example.org',
    'a10.0.0.5',
    'fd00::1',
  ])('at %s is not', (host) => expect(isBehindHost(at(host))).toBe(false));

  it('with a public address is not, wherever it is told to be', () => {
    expect(isBehindHost(at('10.0.0.5', { publicIp: '203.0.113.4' }))).toBe(false);
  });

  it('whose ports are published elsewhere is not', () => {
    expect(isBehindHost({ ...MACHINE, ipv4: '172.17.0.2' })).toBe(false);
  });

  it('of which no address is known is not', () => {
    expect(isBehindHost(undefined)).toBe(false);
    expect(isBehindHost({ externalId: 'x' as ExternalId })).toBe(false);
  });

  it('without SSH is where its address is', () => {
    const { ssh: _ssh, ...bare } = at('10.0.0.5');
    expect([addressOf(bare), isBehindHost(bare), addressOf(undefined)]).toEqual(['10.0.0.5', true, undefined]);
  });
});

/** A contract whose machine is at this address, and whose route is open. */
function open(number: number, host: string, more: Partial<ContractRecord> = {}): ContractRecord {
  const held = route(20_000 + 10 * number, `slug0${number}`);
  return holder(number, held, { machine: 'made', instance: at(host), routeState: 'open', ...more });
}

describe('the route of a record', () => {
  it('leads to where its machine is', () => {
    expect(routeOf(open(1, '10.0.0.5'))).toEqual({
      contract: id(1),
      slug: 'slug01',
      firstPort: 20_010,
      portCount: 10,
      machine: { ipv4: '10.0.0.5', sshPort: 22 },
    });
  });

  it('leads to the address that we gave, whatever the machine says, and to its own SSH port', () => {
    const instance = at('10.0.0.5', {
      ssh: { host: '10.0.0.5', port: 2222, user: 'root' },
      ipv6: 'fd00::5',
      mac: 'aa:bb',
    });
    const record = open(1, '10.0.0.5', { instance, route: { ...route(20_010), ipv4: '10.0.0.9' } });
    expect(routeOf(record)?.machine).toEqual({ ipv4: '10.0.0.9', sshPort: 2222, ipv6: 'fd00::5', mac: 'aa:bb' });
  });

  it('has what its order says about the web server', () => {
    const web = { port: 8080, names: ['shop.example.com'] };
    const record = open(1, '10.0.0.5');
    expect(routeOf({ ...record, order: { ...record.order, web } })?.web).toEqual(web);
  });

  it('leads to port 22 where the backend does not say', () => {
    const { ssh: _ssh, ...instance } = at('10.0.0.5');
    expect(routeOf(open(1, '10.0.0.5', { instance }))?.machine.sshPort).toBe(22);
  });

  it.each<[string, Partial<ContractRecord>]>([
    ['a machine that is gone', { machine: 'gone' }],
    ['a machine that may not be there', { machine: 'maybe' }],
    ['a machine that needs none', { instance: at('8.8.8.8') }],
  ])('does not lead to %s', (_, more) => {
    expect(routeOf(open(1, '10.0.0.5', more))).toBeUndefined();
  });

  it('does not exist without ports, nor without a machine', () => {
    const { route: _route, ...unrouted } = open(1, '10.0.0.5');
    const { instance: _instance, ...unknown } = open(1, '10.0.0.5');
    expect([routeOf(unrouted), routeOf(unknown)]).toEqual([undefined, undefined]);
  });
});

describe('the routes that should be open', () => {
  const present = (): boolean => false;
  const slugs = (records: readonly ContractRecord[], isAbsent: (record: ContractRecord) => boolean = present) =>
    openRoutes(records, isAbsent).routes.map(({ slug }) => slug);

  it('are those that are open or being opened', () => {
    const { routeState: _closed, ...closed } = open(4, '10.0.0.4');
    const records = [
      open(1, '10.0.0.1'),
      open(2, '10.0.0.2', { routeState: 'opening' }),
      open(3, '10.0.0.3', { routeState: 'closing' }),
      closed,
      open(5, '10.0.0.5', { closedAt: NOW }),
    ];
    expect(slugs(records)).toEqual(['slug01', 'slug02']);
    expect(openRoutes(records, present).withheld.size).toBe(0);
  });

  it('do not lead to the address of a machine that is gone, which may be another’s by now', () => {
    const { routes, withheld } = openRoutes(
      [open(1, '10.0.0.1'), open(2, '10.0.0.2')],
      ({ contract }) => contract === id(1),
    );
    expect(routes.map(({ slug }) => slug)).toEqual(['slug02']);
    expect([...withheld]).toEqual([[id(1), 'its machine is not there']]);
  });

  it('lead to one address once: what is proved stays, whoever lays claim to it later', () => {
    const earlier = open(1, '10.0.0.1', { routeState: 'opening', admittedAt: NOW - HOUR });
    const proved = open(2, '10.0.0.1', { admittedAt: NOW });
    for (const records of [
      [earlier, proved],
      [proved, earlier],
    ]) {
      expect(slugs(records)).toEqual(['slug02']);
      expect(openRoutes(records, present).withheld.get(id(1))).toBe(`its machine has the address of contract ${id(2)}`);
    }
  });

  it('lead to one address once: one that is being made has it, not one that says that it has moved there', () => {
    const moved = open(1, '10.0.0.1', { routeState: 'opening', delivered: true, admittedAt: NOW - HOUR });
    const made = open(2, '10.0.0.1', { routeState: 'opening' });
    expect(slugs([moved, made])).toEqual(['slug02']);
    expect(slugs([made, moved])).toEqual(['slug02']);
  });

  it('lead to one address once: of two alike, the contract that came first', () => {
    const [first, second] = [open(1, '10.0.0.1', { admittedAt: NOW - 1 }), open(2, '10.0.0.1')];
    expect(slugs([second, first])).toEqual(['slug01']);
    expect(slugs([first, second])).toEqual(['slug01']);
  });

  it('lead to the next one once the first is gone', () => {
    expect(
      slugs(
        [open(1, '10.0.0.1'), open(2, '10.0.0.1', { routeState: 'opening' })],
        ({ contract }) => contract === id(1),
      ),
    ).toEqual(['slug02']);
  });
});
