import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { type CallContext, type Finding, isProvisionerError, ProvisionerError } from '../../src/provisioner/index.ts';
import type { Backend } from './backend.ts';
import { listMachines } from './ownership.ts';

const REQUIRED = ['provision', 'terminate', 'health_check'] as const;
const OPTIONAL = ['list', 'start', 'stop'] as const;

/** Looks at the files, and runs `list`, which changes nothing. No other script is run. */
export async function checkScripts(backend: Backend, ctx: CallContext): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const name of [...REQUIRED, ...OPTIONAL]) {
    const path = backend.settings[name];
    findings.push(path === undefined ? ABSENT[name as (typeof OPTIONAL)[number]] : await checkFile(name, path));
  }
  const { static_addresses: fixed, cloud_init: documents, nameservers } = backend.settings;
  if (fixed && documents && nameservers.length === 0) findings.push(NO_NAMESERVERS);
  if (backend.settings.list !== undefined && !findings.some(({ level }) => level === 'fail')) {
    findings.push(await checkList(backend, ctx));
  }
  return findings;
}

/** As long as a required script is missing no contract is taken: making a machine that cannot be removed helps nobody. */
export async function assertRunnable({ settings, target }: Backend): Promise<void> {
  for (const name of REQUIRED) {
    const { level, title } = await checkFile(name, settings[name]);
    if (level === 'fail') throw new ProvisionerError('config', `Target ${target}: ${title}`);
  }
}

const NO_NAMESERVERS: Finding = {
  level: 'warn',
  code: 'script.nameservers.none',
  title: 'Machines get a fixed address and nobody to ask for names: nothing but their image can tell them whom.',
  remedy: 'Set "nameservers", such as ["9.9.9.9"].',
};

const ABSENT: Record<(typeof OPTIONAL)[number], Finding> = {
  list: {
    level: 'warn',
    code: 'script.list.absent',
    title: 'There is no list script: a machine whose creation was cut off cannot be found again.',
    remedy: 'Set "list" to a script that prints every machine with its contract_id.',
  },
  start: {
    level: 'skip',
    code: 'script.start.absent',
    title: 'Starting a stopped machine is not supported: no start script.',
  },
  stop: { level: 'skip', code: 'script.stop.absent', title: 'Pausing a machine is not supported: no stop script.' },
};

async function checkFile(name: string, path: string): Promise<Finding> {
  const fail = (what: string, title: string, remedy: string): Finding => {
    return { level: 'fail', code: codeOf(name, what), title, remedy };
  };
  let mode: number;
  try {
    const file = await stat(path);
    if (!file.isFile()) return fail('not-a-file', `${path} is not a file.`, `Set "${name}" to an executable file.`);
    mode = file.mode;
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'unknown';
    return fail('missing', `${path} cannot be read (${code}).`, `Put the script there, or correct "${name}".`);
  }
  try {
    await access(path, constants.X_OK);
  } catch {
    return fail('not-executable', `${path} is not executable for the agent's user.`, `chmod 755 ${path}`);
  }
  if ((mode & 0o022) !== 0) {
    const title = `${path} can be changed by users other than its owner, and the agent runs it.`;
    return { level: 'warn', code: codeOf(name, 'writable'), title, remedy: `chmod go-w ${path}` };
  }
  return { level: 'pass', code: codeOf(name, 'executable'), title: `${path} is executable.` };
}

const codeOf = (name: string, what: string): string => `script.${name.replace('_', '-')}.${what}`;

async function checkList(backend: Backend, ctx: CallContext): Promise<Finding> {
  try {
    const { complete, instances } = await listMachines(backend, ctx);
    if (complete)
      return {
        level: 'pass',
        code: 'script.list.works',
        title: `The list script shows ${instances.length} machines of contracts.`,
      };
    const title = 'The list script returns entries that cannot be read, so no list counts as complete.';
    return {
      level: 'warn',
      code: 'script.list.incomplete',
      title,
      remedy: 'Give each entry an external_id and a contract_id (or null).',
    };
  } catch (error) {
    if (!isProvisionerError(error)) throw error;
    return {
      level: 'fail',
      code: 'script.list.broken',
      title: error.message,
      remedy: 'Run it by hand: echo \'{"action":"list","external_id":null}\' | SCRIPT',
    };
  }
}
