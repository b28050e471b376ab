import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { exchange, repair } from './nft-change.ts';
import { contract, routeOf, SETTINGS } from './nft-fixtures.ts';
import type { NftCommand } from './nft-json.ts';
import type { Seen } from './nft-read.ts';
import {
  COUNTED,
  counterKey,
  type Elements,
  elementsOf,
  readElement,
  SET_NAMES,
  SETS,
  type SetName,
} from './nft-sets.ts';
import { skeletonFor } from './nft-skeleton.ts';
import { planRoutes } from './plan.ts';
import type { Route } from './port.ts';

const skeleton = skeletonFor(SETTINGS, { bridge: 'names' });
const wanted = (routes: readonly Route[]): Elements =>
  elementsOf(planRoutes(SETTINGS, routes).machines.values(), ['203.0.113.1']);

/** Does what nft would: an entry that is there cannot be added, one that is not there cannot be taken away. */
class Kernel {
  readonly sets = new Map<string, Map<string, string>>(SET_NAMES.map((name) => [name, new Map()]));

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
      if (kind === 'element') for (const json of object.elem ?? []) this.element(how, object.name, json);
    }
  }

  element(how: string | undefined, name: SetName, json: unknown): void {
    const entry = readElement(name, SETS[name].counts === undefined ? json : asPrinted(json));
    const set = this.sets.get(name);
    if (entry === undefined || set === undefined) throw new Error(`no entry of ${name}: ${JSON.stringify(json)}`);
    if (set.has(entry.key) !== (how === 'delete')) throw new Error(`${how} ${entry.key} in ${name}`);
    if (how === 'delete') set.delete(entry.key);
    else set.set(entry.key, entry.value);
  }
}

/** An element that counts, as nft has it right after it was added; to take it away, its key is enough. */
function asPrinted(json: unknown): unknown {
  if (typeof json === 'string') return { elem: { val: json, comment: contract(0), counter: { packets: 0, bytes: 0 } } };
  return { elem: { ...(json as { elem: object }).elem, counter: { packets: 0, bytes: 0 } } };
}

const empty: Elements = new Map();

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
        for (const name of SET_NAMES) expect(kernel.sets.get(name)).toEqual(new Map(to.get(name)));
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
  const elements = elementsOf(planRoutes(SETTINGS, [routeOf(1)]).machines.values(), ['203.0.113.1', '192.168.1.10']);
  expect(elements.get('forwards')?.get('192.168.1.10|tcp|20010')).toBe('10.77.0.3');
  expect(elements.get('forwards')?.get('203.0.113.1|tcp|20010')).toBe('10.77.0.3');
});

describe('a repair', () => {
  const seen = (state: Seen['skeleton'], elements: Elements): Seen => ({
    skeleton: state,
    elements,
    counters: new Map(
      Object.values(COUNTED)
        .flat()
        .flatMap((name) => [...(elements.get(name)?.values() ?? [])].map((whose) => counterKey(name, whose)))
        .map((key, i) => [key, 1000 + i]),
    ),
  });
  /** What each contract's counters of bytes to it begin at. */
  const begins = (commands: readonly NftCommand[]): (number | undefined)[] =>
    commands
      .flatMap(
        (command) => (JSON.parse(JSON.stringify(command)).add?.element ?? []) as { name: string; elem: unknown[] }[],
      )
      .filter(({ name }) => name === 'bytes_in')
      .flatMap(({ elem }) => elem.map((json) => readElement('bytes_in', asPrinted(json))?.bytes));

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
    expect(begins(commands)).toEqual([1000, 0]);
  });

  test('of a machine that has moved counts on at its new address', () => {
    const moved = routeOf(1, {}, { ipv4: '10.77.9.9' });
    expect(begins(repair(skeleton, seen('ours', wanted([routeOf(1)])), wanted([moved])).commands)).toEqual([1000]);
  });

  test('says what was wrong', () => {
    const { reasons } = repair(skeleton, seen('ours', wanted([routeOf(2)])), wanted([routeOf(1)]));
    expect(reasons).toEqual(['34 entries were missing', '34 entries did not belong there']);
  });
});
