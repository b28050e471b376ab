import { died, type Pve } from '../call.ts';
import type { Guest } from '../state.ts';
import { driverOf } from './driver.ts';

interface Process {
  result?: { readonly exitcode: number; readonly stdout: string; readonly stderr: string };
}

interface Processes {
  readonly known: Map<number, Process>;
  last: number;
}

/** What the agent keeps of its children until somebody asks; it is gone with the machine. */
const processes = new WeakMap<Guest, Processes>();

type Result = NonNullable<Process['result']>;

/** Begins a command inside and returns its process id; how it went is asked later. */
export function startExec(pve: Pve, guest: Guest, command: readonly string[], input: string): number {
  const inside = processes.get(guest) ?? { known: new Map<number, Process>(), last: 500 };
  processes.set(guest, inside);
  inside.last += 1 + Math.floor(pve.random.float() * 7);
  const pid = inside.last;
  const process: Process = {};
  inside.known.set(pid, process);
  void run(pve, guest, command, input).then(
    (result) => void (process.result = result),
    (error: unknown) =>
      void (process.result = {
        exitcode: 127,
        stdout: '',
        stderr: error instanceof Error ? error.message : String(error),
      }),
  );
  return pid;
}

/** The agent tells of a child's end once, then it has forgotten it. */
export function execStatus(guest: Guest, pid: number): Record<string, string | number> {
  const known = processes.get(guest)?.known;
  const process = known?.get(pid);
  if (!process) throw died(`Agent error: Invalid parameter 'pid'`);
  const { result } = process;
  if (!result) return { exited: 0 };
  known?.delete(pid);
  return {
    exited: 1,
    exitcode: result.exitcode,
    ...(result.stdout === '' ? {} : { 'out-data': result.stdout, 'out-truncated': 0 }),
    ...(result.stderr === '' ? {} : { 'err-data': result.stderr, 'err-truncated': 0 }),
  };
}

/** Sets a password as the agent does, through `chpasswd`, so that it never stands in a list of arguments. */
export async function setPassword(
  pve: Pve,
  guest: Guest,
  user: string,
  password: string,
  kind: 'plain' | 'crypted',
): Promise<void> {
  const command = kind === 'crypted' ? ['chpasswd', '-e'] : ['chpasswd'];
  const { exitcode } = await run(pve, guest, command, `${user}:${password}\n`);
  if (exitcode !== 0) throw died('Agent error: child process has failed to set user password');
}

export async function readFile(pve: Pve, guest: Guest, path: string): Promise<string> {
  const { exitcode, stdout } = await run(pve, guest, ['cat', '--', path], '');
  if (exitcode !== 0) throw died(`Agent error: failed to open file '${path}' (mode: 'r'): No such file or directory`);
  return stdout;
}

export async function writeFile(pve: Pve, guest: Guest, path: string, content: string): Promise<void> {
  const { exitcode } = await run(pve, guest, ['tee', '--', path], content);
  if (exitcode !== 0) throw died(`Agent error: failed to open file '${path}' (mode: 'w+'): No such file or directory`);
}

async function run(pve: Pve, guest: Guest, command: readonly string[], input: string): Promise<Result> {
  const { exec } = driverOf(pve);
  if (!exec) throw died('Agent error: The command guest-exec has been disabled for this instance');
  try {
    return await exec(guest, command, input);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw died(`VM ${guest.vmid} qga command 'guest-exec' failed - ${why}`);
  }
}
