import { join } from 'node:path';
import { z } from 'zod';
import type { AgentId, ContractId, ExternalId, OperationId } from '../../ports/ids.ts';
import { systemDisk } from '../../ports/system-disk.ts';
import type { OwnedRef } from '../../provisioner/contract.ts';
import { trialDirectory } from '../places.ts';

const hex = (length: number) => z.string().regex(new RegExp(`^[0-9a-f]{${length}}$`));

/** The note about one test run, on disk before its machine is: whatever kills the run, `--cleanup` finds the machine. */
const trialRecord = z.object({
  version: z.literal(1),
  target: z.string(),
  agent: hex(64),
  contract: hex(64),
  operation: hex(32),
  handles: z.record(z.string(), z.string()),
  externalId: z.string().optional(),
  /** What it was given of the tenants' network. */
  ipv4: z.string().optional(),
  /** The process that makes or removes it; none once it was kept on purpose. */
  pid: z.number().int().optional(),
  at: z.number(),
});
export type TrialRecord = z.infer<typeof trialRecord>;

export async function saveTrial(stateDir: string, record: TrialRecord): Promise<void> {
  await systemDisk.ensureDirectory(trialDirectory(stateDir));
  await systemDisk.replace(fileOf(stateDir, record.contract), Buffer.from(`${JSON.stringify(record)}\n`));
}

export async function forgetTrial(stateDir: string, contract: string): Promise<void> {
  await systemDisk.remove(fileOf(stateDir, contract));
}

export interface StoredTrials {
  readonly records: readonly TrialRecord[];
  /** Files that cannot be read as a note; they are kept and told. */
  readonly unreadable: readonly string[];
}

export async function storedTrials(stateDir: string): Promise<StoredTrials> {
  const directory = trialDirectory(stateDir);
  const names = await systemDisk.list(directory).catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw error;
  });
  const records: TrialRecord[] = [];
  const unreadable: string[] = [];
  for (const name of names.filter((candidate) => candidate.endsWith('.json'))) {
    const record = parse(await systemDisk.read(join(directory, name)));
    if (record) records.push(record);
    else unreadable.push(join(directory, name));
  }
  return { records, unreadable };
}

/** What the plugin needs to find the machine again, and to prove that it is this run's. */
export function refOf(record: TrialRecord): OwnedRef {
  return {
    stamp: {
      agent: record.agent as AgentId,
      contract: record.contract as ContractId,
      operation: record.operation as OperationId,
    },
    ...(record.externalId === undefined ? {} : { externalId: record.externalId as ExternalId }),
    handles: record.handles,
  };
}

function fileOf(stateDir: string, contract: string): string {
  return join(trialDirectory(stateDir), `${contract}.json`);
}

function parse(bytes: Uint8Array | undefined): TrialRecord | undefined {
  if (bytes === undefined) return undefined;
  try {
    return trialRecord.safeParse(JSON.parse(Buffer.from(bytes).toString('utf8'))).data;
  } catch {
    // Not JSON: told to the operator as unreadable by the caller.
    return undefined;
  }
}
