import { type AgentId, type OperationId, type OwnerStamp, parseContractId } from '../../src/provisioner/index.ts';
import { userName } from '../../src/provisioner/settings.ts';

/**
 * The owner stamp and what was sold, as container labels. Labels are fixed when a container is made and its id is never used
 * again, so a stamp that was read by id stays true. The first two names are the reference agent's.
 */
export const LABEL = {
  agent: 'dc-agent',
  contract: 'dc-contract-id',
  agentId: 'dc-agent-id',
  operation: 'dc-operation-id',
  port: 'dc-ssh-port',
  cpu: 'dc-cpu',
  memoryMb: 'dc-memory-mb',
  user: 'dc-ssh-user',
} as const;

type Labels = Readonly<Record<string, string>>;

export function stampLabels(stamp: OwnerStamp): Record<string, string> {
  return {
    [LABEL.agent]: 'true',
    [LABEL.agentId]: stamp.agent,
    [LABEL.contract]: stamp.contract,
    [LABEL.operation]: stamp.operation,
  };
}

/** The stamp that a container carries; undefined when it carries none or a damaged one. */
export function readStamp(labels: Labels): OwnerStamp | undefined {
  const contract = parseContractId(labels[LABEL.contract]);
  const agent = labels[LABEL.agentId];
  const operation = labels[LABEL.operation];
  if (labels[LABEL.agent] !== 'true' || contract === undefined || !agent || !operation) return undefined;
  return { agent: agent as AgentId, contract, operation: operation as OperationId };
}

export function sameStamp(a: OwnerStamp | undefined, b: OwnerStamp): boolean {
  return a !== undefined && a.agent === b.agent && a.contract === b.contract && a.operation === b.operation;
}

/** The host port that was promised to the tenant; also known while the machine is off. */
export function stampedPort(labels: Labels): number | undefined {
  return wholeNumber(labels[LABEL.port]);
}

/** As whom its tenant logs in. */
export function stampedUser(labels: Labels): string {
  const user = labels[LABEL.user];
  // Of before there were others; and an image may carry any label.
  return user !== undefined && userName().safeParse(user).success ? user : 'root';
}

/** MiB that this machine was sold with. */
export function stampedMemoryMb(labels: Labels): number {
  return wholeNumber(labels[LABEL.memoryMb]) ?? 0;
}

/** The engine's list filter for containers that carry all of these labels. */
export function labelFilter(labels: Labels): string {
  return JSON.stringify({ label: Object.entries(labels).map(([key, value]) => `${key}=${value}`) });
}

function wholeNumber(text: string | undefined): number | undefined {
  return text !== undefined && /^[1-9][0-9]{0,8}$/.test(text) ? Number(text) : undefined;
}
