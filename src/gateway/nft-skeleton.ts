import { createHash } from 'node:crypto';
import { CHAINS, type Chain, type Rule } from './nft-chains.ts';
import type { NftCommand } from './nft-json.ts';
import type { KernelAbility } from './nft-kernel.ts';
import { paceSets } from './nft-pace.ts';
import { rulesFor } from './nft-rules.ts';
import { type Family, type NotingSet, SET_NAMES, SETS, type SetName } from './nft-sets.ts';
import type { NetworkSettings } from './plan-settings.ts';

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
    noting: notingSets(settings),
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
      const { family, type, map, counts } = SETS[name];
      const named = { name, type: typeJson(type), ...(counts === undefined ? {} : { stmt: [{ counter: null }] }) };
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

function notingSets(settings: NetworkSettings): NotingSet[] {
  const { newConnectionsPerSecond, tenantNetworkV6 } = settings;
  const begun: NotingSet = { name: 'begun', type: ['ipv4_addr'], seconds: 60 };
  const begun6: NotingSet = { name: 'begun6', type: ['ipv6_addr'], seconds: 60 };
  return [
    { name: 'answers', type: ['inet_service', 'inet_service', 'ipv4_addr'], seconds: 60 },
    ...(newConnectionsPerSecond === undefined ? [] : [begun]),
    ...(newConnectionsPerSecond === undefined || tenantNetworkV6 === undefined ? [] : [begun6]),
    ...paceSets(settings),
  ];
}
