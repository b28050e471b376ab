import {
  type AgentId,
  type ExternalId,
  type Instance,
  type OperationId,
  type OwnerStamp,
  type PowerState,
  parseContractId,
} from '../../src/provisioner/index.ts';
import type { Machine } from './schema.ts';

/** The labels that are the owner stamp. */
export const AGENT_LABEL = 'dc-agent-id';
export const CONTRACT_LABEL = 'dc-contract-id';
export const OPERATION_LABEL = 'dc-operation-id';

export function stampLabels(stamp: OwnerStamp): Record<string, string> {
  return { [AGENT_LABEL]: stamp.agent, [CONTRACT_LABEL]: stamp.contract, [OPERATION_LABEL]: stamp.operation };
}

/** True when the machine carries exactly this stamp: agent, contract and operation. */
export function carries(machine: Machine, stamp: OwnerStamp): boolean {
  return (
    machine.labels[AGENT_LABEL] === stamp.agent &&
    machine.labels[CONTRACT_LABEL] === stamp.contract &&
    machine.labels[OPERATION_LABEL] === stamp.operation
  );
}

/** The stamp on a machine of this agent; undefined when it is another's, or damaged. */
export function readStamp(labels: Readonly<Record<string, string>>, agent: AgentId): OwnerStamp | undefined {
  const contract = parseContractId(labels[CONTRACT_LABEL]);
  const operation = labels[OPERATION_LABEL];
  if (labels[AGENT_LABEL] !== agent || contract === undefined || !/^[0-9a-f]{32}$/.test(operation ?? '')) {
    return undefined;
  }
  return { agent, contract, operation: operation as OperationId };
}

export function toInstance(machine: Machine, stamp: OwnerStamp): Instance {
  return {
    externalId: machine.id as ExternalId,
    stamp,
    power: POWER[machine.state] ?? 'unknown',
    additionalDetails: 'This is a simulated machine: it accepts your SSH login and knows a handful of commands.',
    ...(machine.ssh ? { ipv4: machine.ssh.host, ssh: { ...machine.ssh, user: 'root' } } : {}),
    ...(machine.uptime_ms === undefined || machine.uptime_ms === null ? {} : { uptimeMs: machine.uptime_ms }),
  };
}

const POWER: Readonly<Partial<Record<string, PowerState>>> = {
  running: 'running',
  stopped: 'stopped',
  failed: 'stopped',
  creating: 'transition',
  starting: 'transition',
  stopping: 'transition',
  deleting: 'transition',
};
