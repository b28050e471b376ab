import type { ContractRecord } from './record.ts';

/** A record's place in its life, in one word. */
export function phaseOf(record: ContractRecord): string {
  if (record.closedAt !== undefined) return 'closed';
  if (record.goal === 'deliver') return record.machine === 'made' ? 'verifying' : 'making';
  if (record.goal === 'keep') return 'running';
  return record.goal === 'stop' ? 'paused' : 'removing';
}

/** How many reports the platform does not have yet although this host is done with what they say. */
export function owedReports(record: ContractRecord): number {
  const machineGone = record.machine === 'none' || record.machine === 'gone';
  const owed = [
    record.goal === 'deliver' && record.verified && !record.delivered,
    record.goal === 'remove' && record.reason === 'failed' && !record.failReported,
    record.goal === 'remove' && record.reason === 'cancelled' && machineGone && !record.terminateReported,
    record.goal === 'keep' && record.sealedPassword !== undefined,
  ];
  return owed.filter(Boolean).length;
}
