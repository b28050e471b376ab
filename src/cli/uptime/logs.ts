import { loggedContracts, uptimeDirectory } from '../../health/index.ts';
import type { ContractId } from '../../ports/ids.ts';
import { systemDisk } from '../../ports/system-disk.ts';
import { Failure } from '../failure.ts';
import { pickContract } from '../records.ts';

export interface Logs {
  readonly directory: string;
  readonly contracts: readonly ContractId[];
}

/** The uptime logs of an agent; none where it has not looked at a machine yet. */
export async function uptimeLogs(stateDir: string): Promise<Logs> {
  const directory = uptimeDirectory(stateDir);
  try {
    return { directory, contracts: await loggedContracts(systemDisk, directory) };
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'ENOENT') return { directory, contracts: [] };
    if (code !== 'EACCES') throw error;
    throw new Failure({
      what: `the uptime log in ${directory} may not be read by this user`,
      next: 'Run the command as the agent’s user, or as root.',
      cause: error,
    });
  }
}

/** The one contract that is meant, of those that have a log. */
export function pickLogged(prefix: string, { contracts }: Logs): ContractId {
  const wanted = pickContract(prefix, contracts);
  const found = contracts.find((contract) => contract === wanted);
  if (found === undefined) throw new Failure({ what: `there is no uptime log of contract ${wanted}` });
  return found;
}
