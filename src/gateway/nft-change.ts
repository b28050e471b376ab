import type { NftCommand } from './nft-json.ts';
import type { CounterValue, Seen } from './nft-read.ts';
import { counterName, type Elements, elementJson, elementsOf, SETS } from './nft-sets.ts';
import { createSkeleton, type Skeleton } from './nft-skeleton.ts';
import type { PlannedMachine } from './plan.ts';

/** One transaction, and what was wrong in words for the log; no commands when nothing is. */
export interface Change {
  readonly commands: readonly NftCommand[];
  readonly reasons: readonly string[];
}

/** The machines as elements and counters. */
export interface Wanted {
  readonly elements: Elements;
  readonly counters: ReadonlySet<string>;
}

export function wantedOf(machines: Iterable<PlannedMachine>, publicAddresses: readonly string[]): Wanted {
  const all = [...machines];
  const counters = all.flatMap(({ contract }) => [counterName('in', contract), counterName('out', contract)]);
  return { elements: elementsOf(all, publicAddresses), counters: new Set(counters) };
}

/** From what the kernel has to what it should have. Counters that are wanted keep their values, whatever else is made anew. */
export function repair(skeleton: Skeleton, seen: Seen, wanted: Wanted): Change {
  if (seen.skeleton === 'ours') {
    const reasons = describe(skeleton, seen.elements, wanted.elements);
    const had = new Set(seen.counters.keys());
    const counters = [...wanted.counters].filter((name) => !had.has(name)).length;
    if (counters > 0) reasons.push(`${counters} counters were missing`);
    return { commands: exchange(skeleton, { elements: seen.elements, counters: had }, wanted), reasons };
  }
  const nothing: Wanted = { elements: new Map(), counters: new Set() };
  const reasons =
    seen.skeleton === 'missing' ? ['the table was not there'] : ['chains, rules or sets were not as they should be'];
  return { commands: [...createSkeleton(skeleton), ...exchange(skeleton, nothing, wanted, seen.counters)], reasons };
}

/** From some machines to others, where the kernel has exactly the former. What is closed comes before what is opened. */
export function exchange(
  skeleton: Skeleton,
  before: Wanted,
  after: Wanted,
  values: ReadonlyMap<string, CounterValue> = new Map(),
): NftCommand[] {
  const { table } = skeleton;
  const elements = (how: 'add' | 'delete', from: Elements, except: Elements): NftCommand[] =>
    skeleton.sets.flatMap((name) => {
      const elem: unknown[] = [];
      eachLacking(from.get(name), except.get(name), (key, value) => elem.push(elementJson(name, key, value)));
      return elem.length === 0 ? [] : [{ [how]: { element: { family: SETS[name].family, table, name, elem } } }];
    });
  const counter = (name: string, rest: object = {}) => ({ counter: { family: 'inet', table, name, ...rest } });
  const gone = [...before.counters].filter((name) => !after.counters.has(name));
  const fresh = [...after.counters].filter((name) => !before.counters.has(name));
  return [
    ...elements('delete', before.elements, after.elements),
    ...gone.map((name) => ({ delete: counter(name) })),
    ...fresh.map((name) => ({ add: counter(name, values.get(name)) })),
    ...elements('add', after.elements, before.elements),
  ];
}

type Entries = ReadonlyMap<string, string> | undefined;

/** What `these` have and `those` have not, or with another value. There are tens of thousands: no list is made of them on the way. */
function eachLacking(these: Entries, those: Entries, take: (key: string, value: string) => void): void {
  if (these === undefined) return;
  for (const [key, value] of these) if (those?.get(key) !== value) take(key, value);
}

function describe(skeleton: Skeleton, seen: Elements, wanted: Elements): string[] {
  const total = (from: Elements, except: Elements): number => {
    let count = 0;
    for (const name of skeleton.sets) eachLacking(from.get(name), except.get(name), () => count++);
    return count;
  };
  const [missing, foreign] = [total(wanted, seen), total(seen, wanted)];
  return [
    ...(missing > 0 ? [`${missing} entries were missing`] : []),
    ...(foreign > 0 ? [`${foreign} entries did not belong there`] : []),
  ];
}
