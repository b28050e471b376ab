import type { NftCommand } from './nft-json.ts';
import type { Seen } from './nft-read.ts';
import { type Counters, countedJson, counterKey, type Elements, elementJson, SETS, type SetName } from './nft-sets.ts';
import { createSkeleton, type Skeleton } from './nft-skeleton.ts';

/** One transaction, and what was wrong in words for the log; no commands when nothing is. */
export interface Change {
  readonly commands: readonly NftCommand[];
  readonly reasons: readonly string[];
}

/** From what the kernel has to what it should have. Counters that are wanted keep their values, whatever else is made anew. */
export function repair(skeleton: Skeleton, seen: Seen, wanted: Elements): Change {
  if (seen.skeleton === 'ours') {
    const reasons = describe(skeleton, seen.elements, wanted);
    return { commands: exchange(skeleton, seen.elements, wanted, seen.counters), reasons };
  }
  const reasons =
    seen.skeleton === 'missing' ? ['the table was not there'] : ['chains, rules or sets were not as they should be'];
  return { commands: [...createSkeleton(skeleton), ...exchange(skeleton, new Map(), wanted, seen.counters)], reasons };
}

/** From some machines to others, where the kernel has exactly the former. What is closed comes before what is opened. */
export function exchange(
  skeleton: Skeleton,
  before: Elements,
  after: Elements,
  values: Counters = new Map(),
): NftCommand[] {
  const { table } = skeleton;
  const fresh = (name: SetName, key: string, value: string): unknown =>
    SETS[name].counts === undefined
      ? elementJson(name, key, value)
      : countedJson(key, value, values.get(counterKey(name, value)));
  const elements = (how: 'add' | 'delete', from: Elements, except: Elements): NftCommand[] =>
    skeleton.sets.flatMap((name) => {
      const elem: unknown[] = [];
      const json = how === 'add' ? fresh : elementJson;
      eachLacking(from.get(name), except.get(name), (key, value) => elem.push(json(name, key, value)));
      return elem.length === 0 ? [] : [{ [how]: { element: { family: SETS[name].family, table, name, elem } } }];
    });
  return [...elements('delete', before, after), ...elements('add', after, before)];
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
