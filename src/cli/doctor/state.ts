import { constants } from 'node:fs';
import { access, readFile, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Finding } from '../../provisioner/contract.ts';
import { AgentNotRunning, readLocalStatus } from '../../telemetry/local-client.ts';
import { causes } from '../failure.ts';
import { ledgerDirectory, socketPath } from '../places.ts';
import { readRecords } from '../records.ts';

/** The state directory, the ledger in it, and who uses it now. Looks only: nothing is made, locked or written. */
export async function checkState(stateDir: string): Promise<readonly Finding[]> {
  const directory = await checkDirectory(stateDir);
  if (directory.level === 'fail') return [directory];
  return [directory, await checkLedger(stateDir), await checkHolder(stateDir)];
}

async function checkDirectory(path: string): Promise<Finding> {
  const facts = await stat(path).catch((error: unknown) => ({ error }));
  if ('error' in facts)
    return isMissing(facts.error) ? checkParent(path) : unusable(path, causes(facts.error).join(': '));
  if (!facts.isDirectory()) return unusable(path, 'it is not a directory');
  try {
    await access(path, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (error) {
    return unusable(path, causes(error).join(': '));
  }
  if ((facts.mode & 0o077) !== 0) {
    const mode = (facts.mode & 0o777).toString(8);
    return {
      level: 'warn',
      code: 'state.directory.open',
      title: `Other users can look into ${path} (mode ${mode}).`,
      remedy: `chmod 700 ${path}`,
    };
  }
  return { level: 'pass', code: 'state.directory', title: `${path} is writable.` };
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}

/** Not there yet is fine when the agent can make it. */
async function checkParent(path: string): Promise<Finding> {
  for (let parent = dirname(path); ; parent = dirname(parent)) {
    const found = await stat(parent).catch(() => undefined);
    if (found === undefined && parent !== dirname(parent)) continue;
    const writable =
      found?.isDirectory() === true &&
      (await access(parent, constants.W_OK).then(
        () => true,
        () => false,
      ));
    if (writable) {
      return { level: 'pass', code: 'state.directory', title: `${path} does not exist yet; the first start makes it.` };
    }
    return unusable(path, `it does not exist, and it cannot be made in ${parent}`);
  }
}

function unusable(path: string, why: string): Finding {
  return {
    level: 'fail',
    code: 'state.directory.unusable',
    title: `The state directory ${path} cannot be used: ${why}.`,
    remedy: 'Make it for the agent’s user with mode 0700, or run doctor as that user.',
  };
}

async function checkLedger(stateDir: string): Promise<Finding> {
  const replay = await readRecords(stateDir).catch((error: unknown) => ({ failed: causes(error).join(': ') }));
  if (replay === undefined) {
    return { level: 'pass', code: 'state.ledger', title: 'There is no ledger yet; the first start begins it.' };
  }
  if ('failed' in replay) {
    return {
      level: 'fail',
      code: 'state.ledger.unreadable',
      title: `The ledger cannot be read: ${replay.failed}`,
      remedy: 'Keep the files as they are, and look at the message; nothing in it is ever repaired by deleting.',
    };
  }
  const damage = [...replay.problems, ...[...replay.quarantined].map(([id, why]) => `${id.slice(0, 12)}: ${why}`)];
  if (damage.length > 0) {
    return {
      level: 'warn',
      code: 'state.ledger.damaged',
      title: `The ledger is damaged in ${damage.length} places: ${damage.slice(0, 3).join('; ')}`,
      remedy: 'Contracts named here are left alone until an operator decides; see dc-agent explain <contract>.',
    };
  }
  const open = [...replay.records.values()].filter((record) => record.closedAt === undefined).length;
  return { level: 'pass', code: 'state.ledger', title: `The ledger is whole; it holds ${open} open contracts.` };
}

async function checkHolder(stateDir: string): Promise<Finding> {
  const answer = await readLocalStatus(socketPath(stateDir)).catch((error: unknown) => error);
  if (!(answer instanceof Error) && typeof answer === 'object' && answer !== null && 'pid' in answer) {
    return { level: 'pass', code: 'state.holder', title: `The agent is running (process ${String(answer.pid)}).` };
  }
  const holder = await lockHolder(join(ledgerDirectory(stateDir), 'lock'));
  if (holder === undefined)
    return { level: 'pass', code: 'state.holder', title: 'No agent uses this state directory now.' };
  const silent = answer instanceof AgentNotRunning ? 'nobody answers on its socket' : causes(answer).join(': ');
  return {
    level: 'warn',
    code: 'state.holder.silent',
    title: `Process ${holder} holds the ledger, yet ${silent}.`,
    remedy: `See what it is with: ps -fp ${holder}`,
  };
}

/**
 * The process that holds the lock, without trying the lock, which could disturb an agent that starts at this moment.
 * The kernel lists flock locks by device and inode (/proc/locks); the file says which process it was taken for.
 */
async function lockHolder(path: string): Promise<string | undefined> {
  const facts = await stat(path).catch(() => undefined);
  const locks = await readFile('/proc/locks', 'utf8').catch(() => '');
  if (facts === undefined) return undefined;
  const held = locks.split('\n').some((line) => line.includes('FLOCK') && line.includes(`:${facts.ino} `));
  return held ? (await readFile(path, 'utf8')).trim() : undefined;
}
