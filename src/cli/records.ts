import { type Replay, readLedger } from '../ledger/index.ts';
import { systemDisk } from '../ports/system-disk.ts';
import { EXIT } from './exit.ts';
import { Failure } from './failure.ts';
import { ledgerDirectory } from './places.ts';

/**
 * What the ledger says, without the lock: for looking only. Undefined when there is no ledger yet.
 * A running agent may replace files while they are read; then it is read again.
 */
export async function readRecords(stateDir: string): Promise<Replay | undefined> {
  const directory = ledgerDirectory(stateDir);
  for (let attempt = 1; ; attempt++) {
    try {
      return await readLedger(systemDisk, directory);
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? error.code : undefined;
      if (code === 'ENOENT' && attempt >= 3) return undefined;
      if (code === 'ENOENT') continue;
      if (code !== 'EACCES') throw error;
      throw new Failure({
        what: `the ledger in ${directory} may not be read by this user`,
        next: 'Run the command as the agent’s user, or as root.',
        cause: error,
      });
    }
  }
}

/** The one id that begins with `prefix`, of those given. */
export function pickContract(prefix: string, ids: Iterable<string>): string {
  const wanted = prefix.trim().toLowerCase();
  if (!/^[0-9a-f]{1,64}$/.test(wanted)) {
    throw new Failure({
      what: 'a contract id is 64 hexadecimal digits, or the beginning of one',
      next: 'See the ids with:',
      command: 'dc-agent status',
      exit: EXIT.usage,
    });
  }
  const matches = [...ids].filter((id) => id.startsWith(wanted));
  const [first, second] = matches;
  if (first !== undefined && (second === undefined || first === wanted)) return first;
  if (first === undefined) {
    throw new Failure({
      what: `no contract ${wanted} is known on this host`,
      details: ['Contracts that this agent never took, or that ended more than 30 days ago, are not in the ledger.'],
      next: 'See the known ones with:',
      command: 'dc-agent status',
    });
  }
  throw new Failure({
    what: `${matches.length} contracts begin with ${wanted}`,
    details: matches.slice(0, 10),
    next: 'Give more digits.',
    exit: EXIT.usage,
  });
}
