import { type AgentId, type OperationId, type OwnerStamp, parseContractId } from '../../src/provisioner/index.ts';

/** The labels that are the owner stamp. A label's value may have 63 characters, an id in hex has 64: ids stand in base32. */
export const LABEL = {
  agent: 'dc-agent/agent',
  contract: 'dc-agent/contract',
  operation: 'dc-agent/operation',
  /** What the order named, where something else was made: `type.location`. */
  ordered: 'dc-agent/ordered',
  /** The id of the machine's first server, on what a suspended machine became. */
  first: 'dc-agent/first',
  /** On snapshots of the operator's that serve as images. */
  template: 'dc-agent/template',
} as const;

export type Labels = Readonly<Record<string, string>>;

export function stampLabels(stamp: OwnerStamp): Record<string, string> {
  return {
    [LABEL.agent]: toBase32(stamp.agent),
    [LABEL.contract]: toBase32(stamp.contract),
    [LABEL.operation]: stamp.operation,
  };
}

/** True when the labels are exactly this stamp: agent, contract and operation. */
export function carries(labels: Labels, stamp: OwnerStamp): boolean {
  return Object.entries(stampLabels(stamp)).every(([key, value]) => labels[key] === value);
}

/** The stamp of a machine of this agent; undefined when it is another's, or damaged. */
export function readStamp(labels: Labels, agent: AgentId): OwnerStamp | undefined {
  const contract = parseContractId(fromBase32(labels[LABEL.contract] ?? ''));
  const operation = labels[LABEL.operation] ?? '';
  if (labels[LABEL.agent] !== toBase32(agent) || contract === undefined || !/^[0-9a-f]{32}$/.test(operation)) {
    return undefined;
  }
  return { agent, contract, operation: operation as OperationId };
}

/** A label selector for everything of this agent. */
export function ofAgent(agent: AgentId): string {
  return `${LABEL.agent}==${toBase32(agent)}`;
}

/** A label selector for the machines of some operations; 25 of them fit into any URL. */
export function ofOperations(operations: readonly OperationId[]): string {
  const [only] = operations;
  if (operations.length === 1 && only !== undefined) return `${LABEL.operation}==${only}`;
  return `${LABEL.operation} in (${operations.join(',')})`;
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
