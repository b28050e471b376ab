import { is, meta } from './nft-json.ts';
import type { Nft } from './nft-run.ts';

/** What the kernel can do beyond what every kernel with nftables can. */
export interface KernelAbility {
  /**
   * | value | packets between ports of a bridge |
   * |---|---|
   * | names | are seen, with the bridge's name |
   * | addresses | are seen, without it |
   * | none | pass unseen |
   */
  readonly bridge: 'names' | 'addresses' | 'none';
}

/** Asks the kernel, and changes nothing. `table` is a name that is free or ours. */
export async function kernelAbility(nft: Nft, table: string, signal: AbortSignal): Promise<KernelAbility> {
  const family = 'bridge';
  const name = 'try_out';
  const plain = [
    { add: { table: { family, name: table } } },
    { add: { chain: { family, table, name, type: 'filter', hook: 'prerouting', prio: -300, policy: 'accept' } } },
  ];
  const named = { add: { rule: { family, table, chain: name, expr: [is(meta('ibrname'), 'x')] } } };
  if (await nft.would([...plain, named], signal)) return { bridge: 'names' };
  return { bridge: (await nft.would(plain, signal)) ? 'addresses' : 'none' };
}
