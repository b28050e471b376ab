import type { NftExpression } from './nft-json.ts';
import type { Family } from './nft-sets.ts';

export interface Rule {
  readonly family: Family;
  readonly chain: string;
  readonly expr: readonly NftExpression[];
}

export interface Chain {
  readonly family: Family;
  readonly name: string;
  /** Absent for a chain that others go to. */
  readonly at?: { readonly type: 'filter' | 'nat'; readonly hook: string; readonly prio: number };
}

/**
 * Where our chains stand beside those of others. A packet that any chain drops is gone, and one that ours accepts still has to
 * pass the others: so the order matters for addresses only. There the first to translate wins, so ours come just before the usual places
 * (-100 and 100), where Docker, firewalld and pve-firewall are; a port of a contract is ours whatever they publish.
 */
export const CHAINS: readonly Chain[] = [
  // Before connection tracking (-200): what is forged makes no entry.
  { family: 'inet', name: 'forged', at: { type: 'filter', hook: 'prerouting', prio: -310 } },
  { family: 'inet', name: 'ended', at: { type: 'filter', hook: 'prerouting', prio: -150 } },
  { family: 'inet', name: 'inwards', at: { type: 'nat', hook: 'prerouting', prio: -105 } },
  { family: 'inet', name: 'inwards_own', at: { type: 'nat', hook: 'output', prio: -105 } },
  { family: 'inet', name: 'host', at: { type: 'filter', hook: 'input', prio: -10 } },
  { family: 'inet', name: 'from_host', at: { type: 'filter', hook: 'output', prio: -10 } },
  { family: 'inet', name: 'through', at: { type: 'filter', hook: 'forward', prio: -10 } },
  { family: 'inet', name: 'count', at: { type: 'filter', hook: 'postrouting', prio: 90 } },
  { family: 'inet', name: 'count_host', at: { type: 'filter', hook: 'input', prio: 10 } },
  { family: 'inet', name: 'outwards', at: { type: 'nat', hook: 'postrouting', prio: 95 } },
  { family: 'inet', name: 'to_host' },
  { family: 'inet', name: 'tenants' },
  { family: 'inet', name: 'egress' },
  { family: 'inet', name: 'egress6' },
  { family: 'bridge', name: 'ports', at: { type: 'filter', hook: 'prerouting', prio: -300 } },
  { family: 'bridge', name: 'between', at: { type: 'filter', hook: 'forward', prio: -10 } },
];
