import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { contract, routeOf, SETTINGS } from './nft-fixtures.ts';
import { planRoutes } from './plan.ts';
import { forwardsOf } from './plan-ports.ts';
import type { Route } from './port.ts';

const V6 = { ...SETTINGS, tenantNetworkV6: '2001:db8:77::/64' };

test('ten ports are SSH, four of TCP and five of UDP, as tenants are told', () => {
  const lines = forwardsOf({ firstPort: 20_010, portCount: 10, sshPort: 22 }).map(
    ({ protocol, publicPort, port }) => `${publicPort}/${protocol} ${port}`,
  );
  expect(lines).toEqual([
    '20010/tcp 22',
    '20011/tcp 10001',
    '20012/tcp 10002',
    '20013/tcp 10003',
    '20014/tcp 10004',
    '20015/udp 10005',
    '20016/udp 10006',
    '20017/udp 10007',
    '20018/udp 10008',
    '20019/udp 10009',
  ]);
});

test('a machine is slow where it is known how slow that is, and at full speed else', () => {
  const pace = (settings: typeof SETTINGS) => {
    const { machines } = planRoutes(settings, [routeOf(1, { pace: 'slow' }), routeOf(2)]);
    return [...machines.values()].map((machine) => machine.pace);
  };
  expect(pace({ ...SETTINGS, throttleMbit: 5 })).toEqual(['slow', undefined]);
  expect(pace(SETTINGS)).toEqual([undefined, undefined]);
});

test('one port is SSH alone, wherever the machine listens for it', () => {
  expect(forwardsOf({ firstPort: 20_010, portCount: 1, sshPort: 2222 })).toEqual([
    { protocol: 'tcp', publicPort: 20_010, port: 2222 },
  ]);
});

describe('a route is refused, and the others are not', () => {
  test.each<[string, Partial<Route>, Partial<Route['machine']>, string]>([
    ['below the range', { firstPort: 19_995 }, {}, 'not within 20000 to 59999'],
    ['beyond its end', { firstPort: 59_995 }, {}, 'not within 20000 to 59999'],
    ['to a foreign address', {}, { ipv4: '192.168.1.5' }, 'not an address for machines'],
    ['to the host', {}, { ipv4: '10.77.0.1' }, 'not an address for machines'],
    ['to everybody', {}, { ipv4: '10.77.255.255' }, 'not an address for machines'],
    ['to a name', {}, { ipv4: 'localhost' }, 'not an address for machines'],
    ['with more ports than anybody has', { portCount: 2000 }, {}, 'too many'],
  ])('%s', (_, change, machine, why) => {
    const plan = planRoutes(V6, [routeOf(1), routeOf(2, change, machine)]);
    expect([...plan.machines.keys()]).toEqual([contract(1)]);
    expect(plan.refused.get(contract(2))).toContain(why);
  });
});

describe('an IPv6 address, which a guest may have claimed,', () => {
  const ipv6Of = (settings: typeof V6 | typeof SETTINGS, ...claims: string[]) => {
    const { machines } = planRoutes(
      settings,
      claims.map((ipv6, n) => routeOf(n, {}, { ipv6 })),
    );
    return [...machines.values()].map(({ ipv6 }) => ipv6);
  };

  test('is used within the network', () => {
    expect(ipv6Of(V6, '2001:db8:77::2', '2001:db8:77::3')).toEqual(['2001:db8:77::2', '2001:db8:77::3']);
  });

  test.each([
    ['outside the network', V6, ['2001:db8:78::2']],
    ['where there is no network', SETTINGS, ['2001:db8:77::2']],
    ['that is none', V6, ['fe80::1%eth0']],
    ['that two claim', V6, ['2001:db8:77::2', '2001:db8:77::2']],
    ['that three claim', V6, ['2001:db8:77::2', '2001:db8:77::2', '2001:db8:77::2']],
  ])('%s is left out, and nothing else is', (_, settings, claims) => {
    expect(ipv6Of(settings, ...claims)).toEqual(claims.map(() => undefined));
  });
});

describe('who wants the same is refused on both sides', () => {
  test.each<[string, Route, string]>([
    ['a port', routeOf(2, { firstPort: 20_019 }), 'port 20019'],
    ['the first port', routeOf(2, { firstPort: 20_010 }), 'port 20010'],
    ['an address', routeOf(2, {}, { ipv4: '10.77.0.3' }), 'the address 10.77.0.3'],
    ['a card', routeOf(2, {}, { mac: '02:00:00:00:00:AA' }), 'the card 02:00:00:00:00:aa'],
  ])('%s', (_, other, what) => {
    const { machines, refused } = planRoutes(SETTINGS, [
      routeOf(1, {}, { mac: '02:00:00:00:00:aa' }),
      other,
      routeOf(5),
    ]);
    expect([...machines.keys()]).toEqual([contract(5)]);
    expect([...refused.keys()]).toEqual([contract(1), contract(2)]);
    for (const why of refused.values()) expect(why).toContain(what);
  });

  test('a contract that is listed twice', () => {
    const { machines, refused } = planRoutes(SETTINGS, [
      routeOf(1),
      routeOf(1, { firstPort: 30_000 }, { ipv4: '10.77.9.9' }),
    ]);
    expect([machines.size, refused.size]).toEqual([0, 1]);
  });
});

const anyRoute = fc
  .record({
    n: fc.integer({ min: 0, max: 12 }),
    firstPort: fc.integer({ min: 19_990, max: 20_080 }),
    portCount: fc.integer({ min: 1, max: 25 }),
    last: fc.integer({ min: 0, max: 20 }),
  })
  .map(({ n, firstPort, portCount, last }) => routeOf(n, { firstPort, portCount }, { ipv4: `10.77.0.${last}` }));

test('whatever is listed: no port leads to two machines, and what is listed is either there or refused', () => {
  fc.assert(
    fc.property(fc.array(anyRoute, { maxLength: 8 }), (routes) => {
      const { machines, refused } = planRoutes(SETTINGS, routes);
      const ports = [...machines.values()].flatMap((machine) =>
        forwardsOf(machine).map(({ publicPort }) => publicPort),
      );
      expect(new Set(ports).size).toBe(ports.length);
      const addresses = [...machines.values()].map(({ ipv4 }) => ipv4);
      expect(new Set(addresses).size).toBe(addresses.length);
      for (const port of ports) expect(port).toBeGreaterThanOrEqual(20_000);
      for (const { contract } of routes) expect(machines.has(contract)).toBe(!refused.has(contract));
    }),
  );
});

test('whatever is listed: a sound route that nobody conflicts with is never refused', () => {
  fc.assert(
    fc.property(fc.array(anyRoute, { maxLength: 8 }), (routes) => {
      const alone = routeOf(500);
      expect(planRoutes(SETTINGS, [...routes, alone]).machines.has(alone.contract)).toBe(true);
    }),
  );
});

test('the order of the routes does not matter', () => {
  fc.assert(
    fc.property(fc.array(anyRoute, { maxLength: 8 }), (routes) => {
      const [one, other] = [planRoutes(SETTINGS, routes), planRoutes(SETTINGS, [...routes].reverse())];
      expect([...one.machines.keys()].sort()).toEqual([...other.machines.keys()].sort());
      expect([...one.refused.keys()].sort()).toEqual([...other.refused.keys()].sort());
    }),
  );
});
