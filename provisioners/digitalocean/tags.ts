import { type AgentId, type OperationId, type OwnerStamp, parseContractId } from '../../src/provisioner/index.ts';

/**
 * Tags that are the owner stamp: one for everything of an agent, and one for each operation, by which its droplet is found again.
 * A tag has letters, digits, `:`, `-` and `_`, and 255 of them at most.
 */
const AGENT = 'dc-agent:';
const ORDER = 'dc-order:';
/** What the order named, where something else was made: `dc-ordered:size:region`. */
const ORDERED = 'dc-ordered:';

export function agentTag(agent: AgentId): string {
  return `${AGENT}${agent}`;
}

export function orderTag({ contract, operation }: Pick<OwnerStamp, 'contract' | 'operation'>): string {
  return `${ORDER}${contract}:${operation}`;
}

export function orderedTag(size: string, region: string): string {
  // Slugs may have dots, tags may not.
  return `${ORDERED}${`${size}:${region}`.replaceAll('.', '_')}`;
}

/** True when the tags are exactly this stamp. */
export function carries(tags: readonly string[], stamp: OwnerStamp): boolean {
  const orders = tags.filter((tag) => tag.startsWith(ORDER));
  return tags.includes(agentTag(stamp.agent)) && orders.length === 1 && orders[0] === orderTag(stamp);
}

/** True when no agent has left any mark: somebody else's droplet, or one whose tags are still to come. */
export function isBare(tags: readonly string[]): boolean {
  return !tags.some((tag) => tag.startsWith(AGENT) || tag.startsWith(ORDER));
}

/** The stamp of a machine of this agent; undefined when it is another's, or damaged. */
export function readStamp(tags: readonly string[], agent: AgentId): OwnerStamp | undefined {
  const [first = '', ...more] = tags.filter((tag) => tag.startsWith(ORDER));
  const [, hex = '', operation = ''] = /^dc-order:([0-9a-f]{64}):([0-9a-f]{32})$/.exec(first) ?? [];
  const contract = parseContractId(hex);
  if (!tags.includes(agentTag(agent)) || contract === undefined || more.length > 0) return undefined;
  return { agent, contract, operation: operation as OperationId };
}

/** For the tenant: what the order named, where something else was made. */
export function readOrdered(tags: readonly string[]): { readonly size: string; readonly region: string } | undefined {
  const [, size, region] = tags.find((tag) => tag.startsWith(ORDERED))?.split(':') ?? [];
  return size === undefined || region === undefined ? undefined : { size, region };
}
