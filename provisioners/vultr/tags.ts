import {
  type AgentId,
  machineName,
  type OperationId,
  type OwnerStamp,
  parseContractId,
} from '../../src/provisioner/index.ts';

/**
 * The tags that are the owner stamp. What a tag may hold is not documented: lower-case letters, digits and hyphens are safe
 * everywhere, and ids in base32 keep a tag at 64 characters.
 */
export const TAG = {
  agent: 'dc-agent-',
  contract: 'dc-contract-',
  operation: 'dc-operation-',
  /** What the order named, where something else was made: `plan_region`. */
  ordered: 'dc-ordered-',
} as const;

interface Tagged {
  readonly tags: readonly string[];
}

export function stampTags({ agent, contract, operation }: OwnerStamp): string[] {
  return [ofAgent(agent), `${TAG.contract}${toBase32(contract)}`, ofOperation(operation)];
}

/** The tag of everything of this agent. */
export function ofAgent(agent: AgentId): string {
  return `${TAG.agent}${toBase32(agent)}`;
}

/** The tag of everything that one operation made. */
export function ofOperation(operation: OperationId): string {
  return `${TAG.operation}${operation}`;
}

/** True when the tags are exactly this stamp: agent, contract and operation, and no other of either. */
export function carries({ tags }: Tagged, stamp: OwnerStamp): boolean {
  const wanted = stampTags(stamp);
  return wanted.every((tag) => tags.includes(tag)) && tags.filter(isStamp).length === wanted.length;
}

/** The stamp of a machine of this agent; undefined when it is another's, or damaged. */
export function readStamp(instance: Tagged, agent: AgentId): OwnerStamp | undefined {
  const contract = parseContractId(fromBase32(valueOf(instance, TAG.contract) ?? ''));
  const operation = valueOf(instance, TAG.operation) ?? '';
  if (contract === undefined || !/^[0-9a-f]{32}$/.test(operation)) return undefined;
  const stamp = { agent, contract, operation: operation as OperationId };
  return carries(instance, stamp) ? stamp : undefined;
}

/** One that was just made and whose tags do not show yet: it has our name, and nobody's stamp. */
export function isUnmarked({ tags, label }: Tagged & { readonly label: string }, { contract }: OwnerStamp): boolean {
  return label === machineName(contract) && !tags.some(isStamp);
}

/** Of the same contract, and of another agent that works with this account. */
export function isPoolMates({ tags }: Tagged, stamp: OwnerStamp): boolean {
  const [agent = '', contract = ''] = stampTags(stamp);
  return tags.includes(contract) && !tags.includes(agent);
}

/** Of any agent. */
export function isMarked({ tags }: Tagged): boolean {
  return tags.some(isStamp);
}

/** What the order named, where something else was made. */
export function orderedOf(instance: Tagged): string | undefined {
  return valueOf(instance, TAG.ordered);
}

function isStamp(tag: string): boolean {
  return [TAG.agent, TAG.contract, TAG.operation].some((prefix) => tag.startsWith(prefix));
}

function valueOf({ tags }: Tagged, prefix: string): string | undefined {
  return tags.find((tag) => tag.startsWith(prefix))?.slice(prefix.length);
}

const ALPHABET = 'abcdefghijklmnopqrstuvwxyz234567';

/** RFC 4648 in lower case, without padding: 52 characters for 32 bytes. */
function toBase32(hex: string): string {
  let text = '';
  let bits = 0;
  let value = 0;
  for (const byte of Buffer.from(hex, 'hex')) {
    value = ((value << 8) | byte) & 0xffff;
    for (bits += 8; bits >= 5; bits -= 5) text += ALPHABET[(value >> (bits - 5)) & 31];
  }
  return bits === 0 ? text : text + ALPHABET[(value << (5 - bits)) & 31];
}

/** Undefined for what `toBase32` would not have written. */
function fromBase32(text: string): string | undefined {
  const bytes: number[] = [];
  let bits = 0;
  let value = 0;
  for (const letter of text) {
    const digit = ALPHABET.indexOf(letter);
    if (digit < 0) return undefined;
    value = ((value << 5) | digit) & 0xffff;
    bits += 5;
    if (bits < 8) continue;
    bits -= 8;
    bytes.push((value >> bits) & 0xff);
  }
  const hex = Buffer.from(bytes).toString('hex');
  return toBase32(hex) === text ? hex : undefined;
}
