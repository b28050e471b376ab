import { z } from 'zod';
import type { Answer } from './netd-protocol.ts';
import { type ListedChain, readChains } from './nft-read.ts';
import type { Nft } from './nft-run.ts';
import type { NetworkSettings } from './plan-settings.ts';

/**
 * What other programs' rules do to packets that this host forwards. A chain is in the way when it drops what it does not know, by its
 * policy as Docker's or by its last rule as firewalld's, and its table knows nothing of the machines' interfaces. Looks only.
 */
export async function surveyOthers(
  nft: Nft,
  { nftTable, tenantInterfaces }: Pick<NetworkSettings, 'nftTable' | 'tenantInterfaces'>,
  signal: AbortSignal,
): Promise<Answer<'survey'>> {
  const others = readChains(await nft.list(['list', 'chains'], signal)).filter(
    ({ table, family }) => table !== nftTable || !['inet', 'bridge'].includes(family),
  );
  const drops: string[] = [];
  for (const chain of others.filter(forwards)) {
    const listing = await nft.list(['list', 'table', chain.family, chain.table], signal);
    if (refuses(chain, listing) && !names(listing, tenantInterfaces))
      drops.push(`${chain.family} ${chain.table} ${chain.name}`);
  }
  return { forwardDrops: drops, tables: [...new Set(others.map(({ family, table }) => `${family} ${table}`))] };
}

function forwards({ hook, family }: ListedChain): boolean {
  return hook === 'forward' && (family === 'ip' || family === 'inet');
}

function refuses({ name, policy }: ListedChain, listing: unknown): boolean {
  if (policy === 'drop') return true;
  const { success, data } = document.safeParse(listing);
  const last = success
    ? data.nftables.flatMap(({ rule }) => (rule?.chain === name ? [rule.expr] : [])).at(-1)
    : undefined;
  if (last === undefined) return false;
  const words = last.flatMap((statement) => Object.keys(statement));
  return words.some((word) => FINAL.has(word)) && words.every((word) => FINAL.has(word) || ASIDE.has(word));
}

/** Whether all of these interfaces stand somewhere in a table, in a rule or in a set: what is said of them there is its owner's business. */
function names(listing: unknown, interfaces: readonly string[]): boolean {
  const text = JSON.stringify(listing) ?? '';
  return interfaces.length > 0 && interfaces.every((name) => text.includes(JSON.stringify(name)));
}

const FINAL: ReadonlySet<string> = new Set(['drop', 'reject']);
/** Statements that let no packet be told from another. */
const ASIDE: ReadonlySet<string> = new Set(['counter', 'log']);

const rule = z.object({ chain: z.string(), expr: z.array(z.record(z.string(), z.unknown())) });
const document = z.object({ nftables: z.array(z.object({ rule: rule.optional() })) });
