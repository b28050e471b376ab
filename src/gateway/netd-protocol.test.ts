import fc from 'fast-check';
import { expect, test } from 'vitest';
import { request, routeReader, wireRoute } from './netd-protocol.ts';
import { exchange } from './nft-change.ts';
import { routeOf, SETTINGS } from './nft-fixtures.ts';
import { elementsOf } from './nft-sets.ts';
import { skeletonFor } from './nft-skeleton.ts';
import { planRoutes } from './plan.ts';

const wire = wireRoute(routeOf(1, {}, { mac: '02:00:00:00:00:AB', ipv6: '2001:DB8:0::2' }));

test('a route arrives as it was sent, with one way to write each address', () => {
  const parsed = request.parse({ op: 'apply', routes: [wire] });
  expect(parsed).toEqual({ op: 'apply', routes: [{ ...wire, mac: '02:00:00:00:00:ab', ipv6: '2001:db8::2' }] });
});

test.each([
  ['a contract that is none', { contract: 'x; flush ruleset' }],
  ['a contract in capitals', { contract: 'A'.repeat(64) }],
  ['an address with more behind it', { ipv4: '10.77.0.3; drop' }],
  ['an address with a leading zero', { ipv4: '10.77.0.03' }],
  ['an IPv6 address of an interface', { ipv6: 'fe80::1%eth0' }],
  ['an IPv4 address in IPv6 clothes', { ipv6: '::ffff:10.0.0.1' }],
  ['a card that is a group', { mac: '01:00:5e:00:00:01' }],
  ['nobody’s card', { mac: '00:00:00:00:00:00' }],
  ['a port beyond the last', { firstPort: 65_536 }],
  ['half a port', { firstPort: 20_000.5 }],
  ['no port', { portCount: 0 }],
  ['a port in words', { sshPort: '22' }],
  ['a pace in words of its own', { pace: '1 kbit' }],
  ['something more', { rule: 'accept' }],
])('%s is no request', (_, change) => {
  expect(request.safeParse({ op: 'apply', routes: [{ ...wire, ...change }] }).success).toBe(false);
});

test('a route that was sound lately is looked at again when anything in it differs', () => {
  const read = routeReader();
  expect(read(wire)).toEqual(read({ ...wire }));
  for (const change of [
    { sshPort: 0 },
    { ipv4: '10.77.0.300' },
    { rule: 'accept' },
    { pace: 'fast' },
    { mac: undefined, x: 1 },
  ])
    expect(read({ ...wire, ...change })).toHaveProperty('why');
  expect(read({ ...wire, sshPort: 2222 })).toMatchObject({ sshPort: 2222 });
  for (const json of [null, 7, 'route', [wire], { contract: { toString: 1 } }])
    expect(read(json)).toHaveProperty('why');
});

test('whatever texts stand in a route, nothing but addresses and numbers ever reaches nft', () => {
  const skeleton = skeletonFor(SETTINGS, { bridge: 'names' });
  const text = fc.oneof(
    fc.string(),
    fc.constantFrom('10.77.0.9', '02:00:00:00:00:01', '} accept', '"', '\n', '$(id)', '@machines'),
  );
  const hostile = fc.record(
    {
      contract: fc.oneof(text, fc.constant('a'.repeat(64))),
      ipv4: text,
      ipv6: text,
      mac: text,
      firstPort: fc.integer(),
      portCount: fc.integer(),
      sshPort: fc.integer(),
    },
    { requiredKeys: ['contract', 'ipv4', 'firstPort', 'portCount', 'sshPort'] },
  );
  fc.assert(
    fc.property(hostile, (route) => {
      const parsed = request.safeParse({ op: 'apply', routes: [route] });
      if (!parsed.success || parsed.data.op !== 'apply') return;
      const [sound] = parsed.data.routes;
      if (sound === undefined) return;
      const { machines } = planRoutes(SETTINGS, [routeOf(1, sound, { ipv4: sound.ipv4, sshPort: sound.sshPort })]);
      const commands = exchange(skeleton, new Map(), elementsOf(machines.values(), ['203.0.113.1']));
      for (const value of strings(commands)) expect(value).toMatch(/^[a-z0-9_.:]+$/);
    }),
  );
});

function strings(json: unknown): string[] {
  if (typeof json === 'string') return [json];
  return typeof json === 'object' && json !== null ? Object.values(json).flatMap(strings) : [];
}
