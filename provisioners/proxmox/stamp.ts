import { type AgentId, type OperationId, type OwnerStamp, parseContractId } from '../../src/provisioner/index.ts';

/**
 * The owner stamp is one line of a machine's description, which the call that clones it sets: there is no moment at which a machine
 * exists without it. A clone that an operator makes of a tenant's machine inherits the description, and so does one of a template
 * that was made from it. Therefore the line names its VMID and its name too: on any other machine it means nothing.
 */
export interface MachineStamp extends OwnerStamp {
  readonly vmid: number;
  readonly name: string;
  /** `cloned`: nothing was set up yet, whatever state the machine is in. `configured`: key, size and network are set. */
  readonly stage: 'cloned' | 'configured';
}

const HEAD = 'dc-agent-stamp:';
const EXPLANATION =
  'This machine belongs to a contract and is kept by dc-agent. The line below says so: without it the agent leaves the machine alone.';

const LINE =
  /^dc-agent-stamp: v1 agent=([0-9a-f]{64}) contract=([0-9a-f]{64}) operation=([0-9a-f]{32}) vmid=([1-9][0-9]{2,8}) name=(\S{1,255}) stage=(cloned|configured)$/;

/** The whole description of a machine of ours. */
export function describeMachine(stamp: MachineStamp): string {
  return `${EXPLANATION}\n\n${stampLine(stamp)}`;
}

/** The same description with another stage, or with a stamp added; what an operator wrote around it stays. */
export function restamp(description: string | undefined, stamp: MachineStamp): string {
  const lines = linesOf(description);
  const at = lines.findIndex((line) => line.startsWith(HEAD));
  if (at < 0) return [...lines, ...(lines.length > 0 ? [''] : []), describeMachine(stamp)].join('\n');
  return lines.with(at, stampLine(stamp)).join('\n');
}

/** What a description says; undefined when it carries no stamp, a damaged one, or more than one. */
export function readStamp(description: string | undefined): MachineStamp | undefined {
  const [line, ...more] = linesOf(description).filter((each) => each.startsWith(HEAD));
  const match = line === undefined || more.length > 0 ? null : LINE.exec(line);
  const contract = parseContractId(match?.[2]);
  if (match === null || contract === undefined) return undefined;
  const [, agent, , operation, vmid, name = '', stage] = match;
  return {
    agent: agent as AgentId,
    contract,
    operation: operation as OperationId,
    vmid: Number(vmid),
    name,
    stage: stage === 'configured' ? 'configured' : 'cloned',
  };
}

/** True when a description claims to be a machine of some agent, whether or not the claim can be read. */
export function isStamped(description: string | undefined): boolean {
  return linesOf(description).some((line) => line.startsWith(HEAD));
}

export function sameStamp(a: OwnerStamp, b: OwnerStamp): boolean {
  return a.agent === b.agent && a.contract === b.contract && a.operation === b.operation;
}

function stampLine({ agent, contract, operation, vmid, name, stage }: MachineStamp): string {
  return `${HEAD} v1 agent=${agent} contract=${contract} operation=${operation} vmid=${vmid} name=${name} stage=${stage}`;
}

/** Hosts give a description back with a line end behind it. */
function linesOf(description: string | undefined): string[] {
  const text = (description ?? '').replaceAll('\r', '').trim();
  return text === '' ? [] : text.split('\n').map((line) => line.trimEnd());
}
