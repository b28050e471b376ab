import { z } from 'zod';
import {
  COUNTED,
  type Counters,
  counterKey,
  type Elements,
  readElement,
  SET_NAMES,
  SETS,
  type SetName,
} from './nft-sets.ts';
import type { Skeleton } from './nft-skeleton.ts';
import { ruleComment } from './nft-skeleton.ts';

/** What the kernel has of our tables. */
export interface Seen {
  /** Tables, chains, rules and sets are those that we make; elements and counters may differ. */
  readonly skeleton: 'ours' | 'missing' | 'changed';
  readonly elements: Elements;
  readonly counters: Counters;
}

/** Compares what `nft -j list table` printed, for each of the skeleton's tables that exists, with the skeleton. */
export function readTables(skeleton: Skeleton, listings: readonly unknown[]): Seen {
  const objects = listings.flatMap((listing) => document.parse(listing).nftables);
  const counters = new Map<string, number>();
  const elements = new Map<SetName, Map<string, string>>();
  const found: string[] = [];
  let changed = false;
  for (const { chain, rule, set, map } of objects) {
    if (chain !== undefined) found.push(chainLine(chain));
    if (rule !== undefined) found.push(ruleLine(rule));
    const named = set ?? map;
    if (named === undefined) continue;
    found.push(setLine(named));
    const name = SET_NAMES.find((known) => known === named.name && SETS[known].family === named.family);
    if (name === undefined) continue;
    const read = readElements(name, named.elem ?? [], counters);
    if (read === undefined) changed = true;
    else elements.set(name, read);
  }
  const none = objects.every((object) => object.table === undefined);
  if (none) return { skeleton: 'missing', elements, counters };
  if (!sameLines(found, expectedLines(skeleton))) changed = true;
  return { skeleton: changed ? 'changed' : 'ours', elements, counters };
}

/** What each contract's machine has moved, by all its addresses, from what `nft -j list set` printed of sets that count. */
export function readBytes(listings: readonly unknown[]): Map<string, { in: number; out: number }> {
  const bytes = new Map<string, { in: number; out: number }>();
  for (const { set } of listings.flatMap((listing) => document.parse(listing).nftables)) {
    for (const direction of ['in', 'out'] as const) {
      const name = COUNTED[direction].find((counted) => counted === set?.name);
      if (name === undefined) continue;
      for (const json of set?.elem ?? []) {
        // Something that was put there by hand: the next comparison takes it away.
        const element = readElement(name, json);
        if (element?.bytes === undefined) continue;
        const sum = bytes.get(element.value) ?? { in: 0, out: 0 };
        sum[direction] += element.bytes;
        bytes.set(element.value, sum);
      }
    }
  }
  return bytes;
}

/** A base chain or other chain of any table, as `nft -j list chains` prints it. */
export interface ListedChain {
  readonly family: string;
  readonly table: string;
  readonly name: string;
  readonly hook?: string | undefined;
  readonly policy?: string | undefined;
}

export function readChains(listing: unknown): ListedChain[] {
  return document.parse(listing).nftables.flatMap(({ chain }) => (chain === undefined ? [] : [chain]));
}

const table = z.object({ family: z.string(), name: z.string() });
const chain = z.object({
  family: z.string(),
  table: z.string(),
  name: z.string(),
  type: z.string().optional(),
  hook: z.string().optional(),
  prio: z.number().optional(),
  policy: z.string().optional(),
});
const rule = z.object({ family: z.string(), chain: z.string(), comment: z.string().optional() });
const list = z.object({
  family: z.string(),
  name: z.string(),
  type: z.union([z.string(), z.array(z.string())]),
  map: z.union([z.string(), z.array(z.string())]).optional(),
  elem: z.array(z.unknown()).optional(),
});
const document = z.object({
  nftables: z.array(
    z.object({
      table: table.optional(),
      chain: chain.optional(),
      rule: rule.optional(),
      set: list.optional(),
      map: list.optional(),
    }),
  ),
});

function readElements(
  name: SetName,
  elements: readonly unknown[],
  counters: Map<string, number>,
): Map<string, string> | undefined {
  const read = new Map<string, string>();
  for (const json of elements) {
    const element = readElement(name, json);
    if (element === undefined) return undefined;
    read.set(element.key, element.value);
    if (element.bytes !== undefined) counters.set(counterKey(name, element.value), element.bytes);
  }
  return read;
}

/** One line for each thing that must be there, so that two skeletons are alike when their lines are. */
function expectedLines(skeleton: Skeleton): string[] {
  const { sets, noting, chains, rules } = skeleton;
  return [
    ...sets.map((name) => setLine({ name, ...SETS[name] })),
    ...noting.map(({ name, type }) => setLine({ family: 'inet', name, type })),
    ...chains.map(({ family, name, at }) =>
      chainLine({ family, name, ...at, ...(at === undefined ? {} : { policy: 'accept' }) }),
    ),
    ...rules.map(({ family, chain }, place) => ruleLine({ family, chain, comment: ruleComment(skeleton, place) })),
  ];
}

function setLine(set: {
  family: string;
  name: string;
  type: string | readonly string[];
  map?: string | readonly string[] | undefined;
}): string {
  return `set ${set.family} ${set.name} ${[set.type].flat().join(' . ')} : ${[set.map ?? ''].flat().join(' . ')}`;
}

function chainLine({ family, name, type, hook, prio, policy }: Omit<z.output<typeof chain>, 'table'>): string {
  return `chain ${family} ${name} ${type} ${hook} ${prio} ${policy}`;
}

function ruleLine({ family, chain, comment }: z.output<typeof rule>): string {
  return `rule ${family} ${chain} ${comment}`;
}

/** Only within a chain does the order of rules matter; nft prints chain by chain. */
function sameLines(found: readonly string[], expected: readonly string[]): boolean {
  const kinds = (lines: readonly string[]): string => {
    const chainOf = (line: string): string => line.split(' ', 3).join(' ');
    const rules = lines.filter((line) => line.startsWith('rule '));
    // Sorting is stable: rules of one chain stay in their order.
    rules.sort((a, b) => (chainOf(a) < chainOf(b) ? -1 : Number(chainOf(a) > chainOf(b))));
    const others = lines.filter((line) => !line.startsWith('rule ')).sort();
    return JSON.stringify([others, rules]);
  };
  return kinds(found) === kinds(expected);
}
