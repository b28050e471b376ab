import { createHash } from 'node:crypto';
import { CHAINS, type Chain, type Rule } from './nft-chains.ts';
import type { NftCommand } from './nft-json.ts';
import type { KernelAbility } from './nft-kernel.ts';
import { rulesFor } from './nft-rules.ts';
import { type Family, SET_NAMES, SETS, type SetName } from './nft-sets.ts';
import type { NetworkSettings } from './plan-settings.ts';

/** A set that the kernel itself fills while packets pass; elements leave by themselves. */
export interface NotingSet {
  readonly name: string;
  readonly type: readonly string[];
  readonly seconds: number;
}

/** Everything of our tables but the machines: it follows from settings and kernel, and is made anew as a whole when it differs. */
export interface Skeleton {
  readonly table: string;
  readonly families: readonly Family[];
  readonly sets: readonly SetName[];
  readonly noting: readonly NotingSet[];
  readonly chains: readonly Chain[];
  readonly rules: readonly Rule[];
  /** Tells this skeleton from any other; it stands in the comment of every rule, with the rule's place. */
  readonly mark: string;
}

export function skeletonFor(settings: NetworkSettings, kernel: KernelAbility): Skeleton {
  const families: readonly Family[] = kernel.bridge === 'none' ? ['inet'] : ['inet', 'bridge'];
  const here = ({ family }: { family: Family }): boolean => families.includes(family);
  const parts = {
    table: settings.nftTable,
    families,
    sets: SET_NAMES.filter((name) => here(SETS[name])),
    noting: NOTING.filter(({ when }) => when(settings)).map(({ name, type, seconds }) => ({ name, type, seconds })),
    chains: CHAINS.filter(here),
    rules: rulesFor(settings, kernel),
  };
  const types = parts.sets.map((name) => SETS[name]);
  const mark = createHash('sha256')
    .update(JSON.stringify([parts, types]))
    .digest('hex')
    .slice(0, 12);
  return { ...parts, mark };
}

/** The comment of one rule: a rule that was changed, moved, removed or added by hand shows in the row of comments. */
export function ruleComment({ mark }: Skeleton, place: number): string {
  return `${mark} ${place}`;
}

/** Makes the tables with everything but elements, in place of whatever they were. */
export function createSkeleton(skeleton: Skeleton): NftCommand[] {
  const { table, families, sets, noting, chains, rules } = skeleton;
  const add = (kind: string, family: Family, rest: object): NftCommand => ({
    add: { [kind]: { family, table, ...rest } },
  });
  return [
    // Adding what is there does no harm, so the table can be deleted in any case.
    ...families.flatMap((family) => {
      const named = { table: { family, name: table } };
      return [{ add: named }, { delete: named }, { add: named }];
    }),
    ...sets.map((name) => {
      const { family, type, map } = SETS[name];
      const named = { name, type: typeJson(type) };
      return map === undefined ? add('set', family, named) : add('map', family, { ...named, map });
    }),
    ...noting.map(({ name, type, seconds }) =>
      add('set', 'inet', { name, type: typeJson(type), flags: ['timeout'], timeout: seconds, size: NOTES_AT_MOST }),
    ),
    ...chains.map(({ family, name, at }) =>
      add('chain', family, at === undefined ? { name } : { name, ...at, policy: 'accept' }),
    ),
    ...rules.map(({ family, chain, expr }, place) =>
      add('rule', family, { chain, expr, comment: ruleComment(skeleton, place) }),
    ),
  ];
}

/** A list means a concatenation to nft, also when it has one part. */
function typeJson(type: readonly string[]): unknown {
  return type.length === 1 ? type[0] : type;
}

const NOTES_AT_MOST = 65_536;

const NOTING: readonly (NotingSet & { when(settings: NetworkSettings): boolean })[] = [
  { name: 'answers', type: ['inet_service', 'inet_service', 'ipv4_addr'], seconds: 60, when: () => true },
  {
    name: 'begun',
    type: ['ipv4_addr'],
    seconds: 60,
    when: (settings) => settings.newConnectionsPerSecond !== undefined,
  },
  {
    name: 'begun6',
    type: ['ipv6_addr'],
    seconds: 60,
    when: (settings) => settings.newConnectionsPerSecond !== undefined && settings.tenantNetworkV6 !== undefined,
  },
  { name: 'speed_out', type: ['ipv4_addr'], seconds: 60, when: (settings) => settings.bandwidthMbit !== undefined },
  { name: 'speed_in', type: ['ipv4_addr'], seconds: 60, when: (settings) => settings.bandwidthMbit !== undefined },
];
