import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { exchange, repair, type Wanted, wantedOf } from './nft-change.ts';
import { routeOf, SETTINGS } from './nft-fixtures.ts';
import type { NftCommand } from './nft-json.ts';
import type { Seen } from './nft-read.ts';
import { readElement, SET_NAMES, type SetName } from './nft-sets.ts';
import { skeletonFor } from './nft-skeleton.ts';
import { planRoutes } from './plan.ts';
import type { Route } from './port.ts';

const skeleton = skeletonFor(SETTINGS, { bridge: 'names' });
const wanted = (routes: readonly Route[]): Wanted =>
  wantedOf(planRoutes(SETTINGS, routes).machines.values(), ['203.0.113.1']);

/** Does what nft would: an entry that is there cannot be added, one that is not there cannot be taken away. */
class Kernel {
  readonly sets = new Map<string, Map<string, string>>(SET_NAMES.map((name) => [name, new Map()]));
  readonly counters = new Set<string>();

  constructor(commands: readonly NftCommand[] = []) {
    this.run(commands);
  }

  run(commands: readonly NftCommand[]): void {
    for (const command of JSON.parse(JSON.stringify(commands)) as Record<
      string,
      Record<string, { name: SetName; elem?: unknown[] }>
    >[]) {
      const [[how, what] = []] = Object.entries(command);
      const [[kind, object] = []] = Object.entries(what ?? {});
      if (object === undefined) throw new Error('an empty command');
      if (kind === 'counter') this.counter(how, object.name);
      if (kind === 'element') for (const json of object.elem ?? []) this.element(how, object.name, json);
    }
  }

  counter(how: string | undefined, name: string): void {
    const used = [...this.sets].some(
      ([set, entries]) => set.startsWith('bytes_') && [...entries.values()].includes(name),
    );
    if (how === 'delete' && used) throw new Error(`${name} is in use`);
    if (this.counters.has(name) !== (how === 'delete')) throw new Error(`${how} counter ${name}`);
    if (how === 'delete') this.counters.delete(name);
    else this.counters.add(name);
  }

  element(how: string | undefined, name: SetName, json: unknown): void {
    const entry = readElement(name, json);
    const set = this.sets.get(name);
    if (entry === undefined || set === undefined) throw new Error(`no entry of ${name}: ${JSON.stringify(json)}`);
    if (set.has(entry.key) !== (how === 'delete')) throw new Error(`${how} ${entry.key} in ${name}`);
    if (name.startsWith('bytes_') && how === 'add' && !this.counters.has(entry.value))
      throw new Error(`no counter ${entry.value}`);
    if (how === 'delete') set.delete(entry.key);
    else set.set(entry.key, entry.value);
  }
}

const empty: Wanted = { elements: new Map(), counters: new Set() };

const anyRoutes = fc
  .uniqueArray(
    fc.record({ n: fc.integer({ min: 0, max: 6 }), place: fc.integer({ min: 0, max: 6 }), mac: fc.boolean() }),
    {
      selector: ({ n }) => n,
    },
  )
  .map((list) =>
    list.map(({ n, place, mac }) =>
      routeOf(
        n,
        { firstPort: 20_000 + 10 * place, portCount: 3 },
        { ipv4: `10.77.1.${place + 2}`, ...(mac ? { mac: `02:00:00:00:00:0${n}` } : {}) },
      ),
    ),
  );

describe('a change', () => {
  test('leads from any machines to any others, in an order that the kernel takes', () => {
    fc.assert(
      fc.property(anyRoutes, anyRoutes, (before, after) => {
        const [from, to] = [wanted(before), wanted(after)];
        const kernel = new Kernel(exchange(skeleton, empty, from));
        kernel.run(exchange(skeleton, from, to));
        for (const name of SET_NAMES) expect(kernel.sets.get(name)).toEqual(new Map(to.elements.get(name)));
        expect(kernel.counters).toEqual(new Set(to.counters));
      }),
    );
  });

  test('of one machine names that machine alone, whatever else there is', () => {
    const many = Array.from({ length: 100 }, (_, n) => routeOf(n));
    const [one, other] = [routeOf(50), routeOf(50, {}, { ipv4: '10.77.9.9' })];
    const commands = exchange(skeleton, wanted([one]), wanted([other]));
    expect(JSON.stringify(commands).length).toBeLessThan(6000);
    const kernel = new Kernel(exchange(skeleton, empty, wanted(many)));
    kernel.run(commands);
    expect(kernel.sets.get('forwards')?.get('203.0.113.1|tcp|20500')).toBe('10.77.9.9');
    // What it has sent so far is not forgotten.
    expect(JSON.stringify(commands)).not.toContain('"counter":{');
  });

  test('closes before it opens', () => {
    const kinds = exchange(skeleton, wanted([routeOf(1), routeOf(2)]), wanted([routeOf(2), routeOf(3)])).map(
      (command) => Object.keys(command)[0],
    );
    expect(kinds.lastIndexOf('delete')).toBeLessThan(kinds.indexOf('add'));
  });

  test('between equal machines is none', () => {
    expect(exchange(skeleton, wanted([routeOf(1)]), wanted([routeOf(1)]))).toEqual([]);
  });
});

test('behind a router that translates, a port is open at both addresses: the one that arrives, and the one that tenants call', () => {
  const { elements } = wantedOf(planRoutes(SETTINGS, [routeOf(1)]).machines.values(), ['203.0.113.1', '192.168.1.10']);
  expect(elements.get('forwards')?.get('192.168.1.10|tcp|20010')).toBe('10.77.0.3');
  expect(elements.get('forwards')?.get('203.0.113.1|tcp|20010')).toBe('10.77.0.3');
});

describe('a repair', () => {
  const seen = (state: Seen['skeleton'], { elements, counters }: Wanted): Seen => ({
    skeleton: state,
    elements,
    counters: new Map([...counters].map((name, i) => [name, { bytes: 1000 + i, packets: i }])),
  });

  test('of what is whole is none', () => {
    expect(repair(skeleton, seen('ours', wanted([routeOf(1)])), wanted([routeOf(1)]))).toEqual({
      commands: [],
      reasons: [],
    });
  });

  test('of a table that is not there makes all of it, in one transaction', () => {
    const { commands, reasons } = repair(skeleton, seen('missing', empty), wanted([routeOf(1)]));
    expect(reasons).toEqual(['the table was not there']);
    expect(new Kernel(commands).sets.get('forwards')?.size).toBe(10);
    expect(JSON.stringify(commands)).toContain('"chain":"egress"');
  });

  test('of changed rules makes all of it anew, and counts on from where it was', () => {
    const { commands } = repair(
      skeleton,
      seen('changed', wanted([routeOf(1), routeOf(2)])),
      wanted([routeOf(1), routeOf(3)]),
    );
    const counters = commands
      .flatMap((command) => JSON.stringify(command).match(/"counter":\{.*\}/)?.[0] ?? [])
      .filter((text) => text.includes('"name":"in_'));
    expect(counters.map((text) => /"bytes":\d+/.exec(text)?.[0])).toEqual(['"bytes":1000', undefined]);
  });

  test('says what was wrong', () => {
    const { reasons } = repair(skeleton, seen('ours', wanted([routeOf(2)])), wanted([routeOf(1)]));
    expect(reasons).toEqual(['34 entries were missing', '34 entries did not belong there', '2 counters were missing']);
  });
});
