import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { Failure } from '../../failure.ts';

/** The host that gets the service: what the steps may do to it. Handed in, so that tests have one of their own. */
export interface ServiceHost {
  /** `/`, or a folder that stands for it. */
  readonly root: string;
  /** Who runs this command; 0 is root. */
  readonly user: number;
  /** The Node that runs this command, and the program that it runs. */
  readonly node: string;
  readonly program: string;
  /** The command that takes back what is done; that of the service where absent. */
  readonly undo?: string;
  /** Folders in which the service sees nothing, or something else than this command. */
  readonly hides: readonly string[];
  /** Runs a program to its end, whatever that is. Throws Failure when it cannot be started, or does not end in time. */
  run(argv: readonly string[]): Promise<Ended>;
}

export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Longer than TimeoutStopSec and TimeoutStartSec of the unit together: a restart is waited for. */
const LIMIT_MS = 200_000;
const MAX_OUTPUT = 1 << 20;

export function thisHost(env: NodeJS.ProcessEnv): ServiceHost {
  return {
    root: '/',
    user: process.getuid?.() ?? -1,
    node: process.execPath,
    program: process.argv[1] ?? '',
    // ProtectHome= and PrivateTmp= of the unit.
    hides: ['/root', '/home', '/run/user', '/tmp', '/var/tmp'],
    run: (argv) => runToEnd(argv, env),
  };
}

/** The same, where anything but success is a failure. Resolves with what was printed. */
export async function mustRun(host: ServiceHost, argv: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await host.run(argv);
  if (code === 0) return stdout;
  throw new Failure({
    what: `${argv.join(' ')} ended with ${code}`,
    details: lines(stderr),
    next: 'Put it right and run the same command again: what is done already stays. Or take it all back:',
    command: host.undo ?? 'dc-agent setup service --undo',
  });
}

/** Where the files of the service are. */
export function servicePlaces(root: string) {
  const at = (path: string): string => join(root, path);
  return {
    unit: at('etc/systemd/system/dc-agent.service'),
    dropIns: at('etc/systemd/system/dc-agent.service.d'),
    dropIn: at('etc/systemd/system/dc-agent.service.d/10-setup.conf'),
    sysusers: at('etc/sysusers.d/dc-agent.conf'),
    tmpfiles: at('etc/tmpfiles.d/dc-agent.conf'),
    /** What tmpfiles gives to the service's user: dc-agent.toml and agent.*. */
    configuration: at('etc/dc-agent'),
    /** A link to the file of each credential: root's commands find them here, as the service finds what systemd hands over. */
    credentials: at('etc/dc-agent/credentials'),
    /** What this command did, for the next one and for --undo. */
    record: at('etc/dc-agent/setup-service.json'),
  } as const;
}

export const UNIT = 'dc-agent.service';
/** As dc-agent.sysusers makes it; the group has the same name. */
export const SERVICE_USER = 'dc-agent';

export function lines(text: string): string[] {
  return text.split('\n').filter((line) => line.trim() !== '');
}

function runToEnd([file = '', ...argv]: readonly string[], env: NodeJS.ProcessEnv): Promise<Ended> {
  return new Promise((resolve, reject) => {
    // Without a pager and in English, whatever the operator's terminal wants.
    const plain = { ...env, SYSTEMD_PAGER: '', LC_ALL: 'C.UTF-8' };
    execFile(file, argv, { env: plain, timeout: LIMIT_MS, maxBuffer: MAX_OUTPUT }, (error, stdout, stderr) => {
      const code = error === null ? 0 : error.code;
      if (typeof code === 'number') resolve({ code, stdout, stderr });
      else reject(new Failure({ what: `${file} could not be run to its end`, cause: error }));
    });
  });
}
