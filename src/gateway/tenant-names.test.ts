import { expect, it } from 'vitest';
import { VirtualTime } from '../../test/simulation/virtual-time.ts';
import type { ContractId } from '../ports/ids.ts';
import type { Route } from './port.ts';
import { type AskOwner, createTenantNames, problemOfName } from './tenant-names.ts';

const ZONE = 'dc-sl.gw.decent-cloud.org';
const RULES = { zone: ZONE, reserved: ['decent-cloud.org', 'provider.example.net'] };
const signal = new AbortController().signal;

function route(slug: string, ...names: string[]): Route {
  const contract = slug.padEnd(64, '0') as ContractId;
  return {
    contract,
    slug,
    firstPort: 20_000,
    portCount: 10,
    web: { names },
    machine: { ipv4: '10.77.0.2', sshPort: 22 },
  };
}

it.each(['decent-cloud.org', 'alice0.dc-sl.gw.decent-cloud.org', 'provider.example.net', 'www.provider.example.net'])(
  'nobody gets %s, which is the provider’s',
  (name) => {
    expect(problemOfName(name, RULES)).toMatch(/provider/);
  },
);

it.each([
  'localhost',
  'com',
  '10.77.0.1',
  '1.2.3',
  'Shop.example.com',
  'shop.example.com.',
  '-a.example.com',
  '*.example.com',
  'a..b.com',
  'printer.local',
  'db.internal',
  '{env.HOME}.com',
])('%s is nobody’s name', (name) => {
  expect(problemOfName(name, RULES)).toBeDefined();
});

it.each(['shop.example.com', 'example.com', 'xn--bcher-kva.example', 'notdecent-cloud.org', 'a.b.c.d.example.co'])(
  '%s may be had',
  (name) => {
    expect(problemOfName(name, RULES)).toBeUndefined();
  },
);

it('a name goes to the machine that its owner names, whoever else asks for it, and asks first', async () => {
  const asked: string[] = [];
  const owner: AskOwner = async (name, machine) => {
    asked.push(`${name} ${machine}`);
    return machine === `bob000.${ZONE}` ? 'yes' : 'no';
  };
  const { names, refused } = await createTenantNames(RULES, owner, new VirtualTime()).grant(
    [route('alice0', 'shop.example.com'), route('bob000', 'shop.example.com')],
    [],
    signal,
  );
  expect([...names].map(([name, { slug }]) => [name, slug])).toEqual([['shop.example.com', 'bob000']]);
  expect([...refused]).toEqual([
    [route('alice0').contract, 'the name shop.example.com does not name this machine in DNS'],
  ]);
  expect(asked).toHaveLength(2);
});

it('an owner who names two machines gives it to neither', async () => {
  const names = createTenantNames(RULES, async () => 'yes', new VirtualTime());
  const routes = [route('alice0', 'shop.example.com'), route('bob000', 'shop.example.com')];
  const granted = await names.grant(routes, [], signal);
  expect(granted.names.size).toBe(0);
  expect(granted.refused.size).toBe(2);
});

it('another site’s name is not taken away, not even by one below its wildcard, and DNS is not asked', async () => {
  const never: AskOwner = async () => {
    throw new Error('it is not asked');
  };
  const names = createTenantNames(RULES, never, new VirtualTime());
  const routes = [route('alice0', 'their.example.com'), route('bob000', 'www.example.net')];
  const granted = await names.grant(routes, ['Their.example.com', '*.example.net'], signal);
  expect(granted.names.size).toBe(0);
  expect([...granted.refused.values()]).toEqual([
    'the name their.example.com is another site’s here',
    'the name www.example.net is another site’s here',
  ]);
});

it('silence takes no name away and gives none; a clear no does, and the answer is not asked for in each pass', async () => {
  const clock = new VirtualTime();
  let says: 'yes' | 'no' | 'unknown' = 'unknown';
  let asked = 0;
  const names = createTenantNames(
    RULES,
    async () => {
      asked++;
      return says;
    },
    clock,
  );
  const has = async (): Promise<boolean> =>
    (await names.grant([route('alice0', 'shop.example.com')], [], signal)).names.size === 1;
  expect(await has()).toBe(false);
  says = 'yes';
  expect(await has()).toBe(false);
  await clock.advance(61_000);
  expect(await has()).toBe(true);
  expect(await has()).toBe(true);
  expect(asked).toBe(2);
  says = 'unknown';
  await clock.advance(601_000);
  expect(await has()).toBe(true);
  says = 'no';
  await clock.advance(61_000);
  expect(await has()).toBe(false);
});
