import { join } from 'node:path';
import { type ContractId, parseContractId } from '../ports/ids.ts';

/** Below the agent's state directory. */
export function uptimeDirectory(stateDir: string): string {
  return join(stateDir, 'uptime');
}

/** Segments of one contract's log, oldest first by name. */
export function segmentFile(contract: ContractId, number: number): string {
  return `${contract}.${String(number).padStart(8, '0')}.log`;
}

const SEGMENT = /^([0-9a-f]{64})\.(\d{8})\.log$/;

export function readSegmentName(name: string): { readonly contract: ContractId; readonly number: number } | undefined {
  const match = SEGMENT.exec(name);
  const contract = parseContractId(match?.[1]);
  return match === null || contract === undefined ? undefined : { contract, number: Number(match[2]) };
}
