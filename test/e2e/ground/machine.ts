import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Ended, type MachineOptions, machineTool } from '../../../simulators/proxmox/guests/machine-tool.ts';
import { ROOT, run } from '../../packaging/run.ts';

/** The path of scripts/machine. */
export const MACHINE_SCRIPT = join(ROOT, 'scripts/machine');

/**
 * Whether machines that systemd boots can be had here, or why not. With CI=true they must be had: what is missing is installed
 * from Debian packages, and a host that does not allow it fails the tests instead of skipping them.
 */
export async function machinesAvailable(): Promise<true | string> {
  if (process.env['CI'] === 'true') return true;
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'only root can boot machines, on Linux';
  const { code, stdout, stderr } = await run(join(ROOT, 'scripts/machine-root'), ['--missing']);
  if (code !== 0) return `scripts/machine-root does not run here: ${stderr.trim()}`;
  const missing = stdout.trim().split('\n').join(' ');
  return missing === '' || `Debian packages are missing: ${missing}`;
}

/** The file system of all machines, built where it is missing. Takes half a minute then; call it before the first machine. */
export async function buildMachineRoot(): Promise<void> {
  const { code, stderr } = await run(join(ROOT, 'scripts/machine-root'), []);
  if (code !== 0) throw new Error(`scripts/machine-root ended with ${code}: ${stderr.trim()}`);
}

/** A booted system of its own: a provider's host, for example. */
export interface Machine {
  readonly address: string;
  /** This host's address, as the machine sees it. */
  readonly gateway: string;
  /** Runs a command as root and resolves with how it ended. */
  exec(command: readonly string[], input?: string): Promise<Ended>;
  /** The same, where anything but success breaks the test. Resolves with what it printed. */
  run(...command: string[]): Promise<string>;
  remove(): Promise<void>;
}

export async function bootMachine(options: Pick<MachineOptions, 'hostname' | 'binds'> = {}): Promise<Machine> {
  const tool = machineTool(MACHINE_SCRIPT);
  const home = await mkdtemp(join(tmpdir(), 'dc-machine-'));
  const directory = join(home, 'machine');
  const remove = async (): Promise<void> => {
    await tool.down(directory, 'remove');
    await rm(home, { recursive: true, force: true });
  };
  try {
    const address = await tool.up(directory, { ...options, gateway: GATEWAY });
    await tool.booted(directory);
    return {
      address,
      gateway: GATEWAY,
      exec: (command, input) => tool.exec(directory, command, input),
      async run(...command) {
        const { exitcode, stdout, stderr } = await tool.exec(directory, command);
        if (exitcode !== 0) throw new Error(`${command.join(' ')} ended with ${exitcode}: ${stdout}${stderr}`);
        return stdout;
      },
      remove,
    };
  } catch (error) {
    await remove();
    throw error;
  }
}

const GATEWAY = '198.18.0.1';
