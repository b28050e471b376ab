import { spawn } from 'node:child_process';

/** `scripts/machine`, typed: machines that systemd boots, for whoever is root on a Debian host. */
export interface MachineTool {
  /** Starts the machine whose files are in `directory`, made when there are none. Resolves with its address, before it has booted. */
  up(directory: string, options?: MachineOptions): Promise<string>;
  /** Until all its services run. Rejects when one of them failed. */
  booted(directory: string): Promise<void>;
  /** Powers it off; removed, it is as if it had never been. Fine for one that is off, or not there. */
  down(directory: string, disk: 'keep disk' | 'remove'): Promise<void>;
  /** Runs a command inside, as root. */
  exec(directory: string, command: readonly string[], input?: string): Promise<Ended>;
}

export interface MachineOptions {
  readonly hostname?: string;
  readonly address?: string;
  /** This host's address, as the machine sees it. */
  readonly gateway?: string;
  readonly mac?: string;
  /** A folder with cloud-init's documents. */
  readonly seed?: string;
  /** Files and folders of this host, and where the machine sees them, read-only. */
  readonly binds?: Readonly<Record<string, string>>;
}

export interface Ended {
  readonly exitcode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** `script` is the path of scripts/machine. Machines end with this process at the latest. */
export function machineTool(script: string): MachineTool {
  const must = async (...args: string[]): Promise<string> => {
    const { exitcode, stdout, stderr } = await run(script, args);
    if (exitcode !== 0) throw new Error(`scripts/machine ${args[0]} ended with ${exitcode}: ${stderr.trim()}`);
    return stdout.trim();
  };
  return {
    up: (directory, { binds = {}, ...options } = {}) => {
      const single = Object.entries(options).flatMap(([name, value]) => [`--${name}`, value]);
      const bound = Object.entries(binds).flatMap(([from, to]) => ['--bind', `${from}:${to}`]);
      return must('up', directory, '--owner', String(process.pid), ...single, ...bound);
    },
    booted: async (directory) => void (await must('wait', directory)),
    down: async (directory, disk) => void (await must('down', directory, ...(disk === 'keep disk' ? ['--keep'] : []))),
    exec: (directory, command, input) => run(script, ['exec', directory, ...command], input),
  };
}

/** A machine's root has to be built only once, from packages of the network; everything else takes seconds. */
const LIMIT_MS = 600_000;
const MAX_OUTPUT = 16 << 20;

function run(file: string, args: readonly string[], input = ''): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { timeout: LIMIT_MS, stdio: 'pipe' });
    const output = { stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr'] as const) {
      child[name].setEncoding('utf8').on('data', (text: string) => {
        output[name] += text;
        if (output[name].length > MAX_OUTPUT) child.kill();
      });
    }
    child.on('error', reject);
    // A command that reads nothing of its input may have ended before it is written.
    child.stdin.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') reject(error);
    });
    child.stdin.end(input);
    child.on('close', (code, signal) => {
      if (code === null) reject(new Error(`${file} ${args[0]} was ended by ${signal}: ${output.stderr.trim()}`));
      else resolve({ exitcode: code, ...output });
    });
  });
}
