import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { open, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse, stringify } from 'smol-toml';
import type { DemoBackend } from './backend.ts';
import { DemoFailure } from './failure.ts';
import type { Program } from './options.ts';

/** A provider's host as `setup token` leaves it: a configuration, a key, a state directory. */
export interface AgentHost {
  readonly config: string;
  readonly stateDir: string;
  readonly logFile: string;
  /** The agent's public key. */
  readonly agent: string;
}

export interface Registration {
  readonly program: Program;
  readonly home: string;
  readonly endpoint: string;
  readonly token: string;
  readonly backend: DemoBackend;
  readonly signal: AbortSignal;
}

/** Registers a host with the command that a provider types, in a process of its own. Returns what the command printed. */
export async function register(registration: Registration): Promise<{ host: AgentHost; said: string }> {
  const { home, endpoint, token, backend, program, signal } = registration;
  const config = join(home, 'dc-agent.toml');
  const stateDir = join(home, 'state');
  const keyDir = join(home, 'keys');
  const words = ['--config', config, 'setup', 'token', '--token', '-', '--api-url', endpoint];
  const places = ['--provisioner', backend.type, '--key-dir', keyDir, '--state-dir', stateDir];
  const settings = backend.settings.flatMap((setting) => ['--set', setting]);
  const said = await call(program, [...words, ...places, ...settings], token, signal);
  await quicken(config, backend.lanes);
  const agent = (await readFile(join(keyDir, 'agent.pub'), 'utf8')).trim();
  return { host: { config, stateDir, logFile: join(home, 'agent.log'), agent }, said };
}

/** Runs a command to its end. The input is not among the arguments, where every user of the host could read it. */
async function call(program: Program, words: readonly string[], input: string, signal: AbortSignal): Promise<string> {
  const child = spawn(program.node, [...program.argv, ...words], { env: environment(program.env), signal });
  let out = '';
  let err = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text));
  child.stdin.end(input);
  const [code] = await once(child, 'close');
  if (code === 0) return out;
  throw new DemoFailure(`dc-agent setup token ended with exit code ${code}`, { details: err.trim().split('\n') });
}

/** Nobody watches a demonstration for the sake of waiting, and a simulated platform has no limits to keep. */
async function quicken(config: string, lanes: number): Promise<void> {
  const document = parse(await readFile(config, 'utf8'));
  const add = (table: string, values: object): void => {
    document[table] = { ...(document[table] as object | undefined), ...values };
  };
  add('api', { reads_per_minute: 100_000, writes_per_minute: 100_000 });
  add('polling', { interval_seconds: 1, work_interval_seconds: 1 });
  // All contracts are cancelled at once, which an agent takes for a mistake unless it is told not to.
  add('agent', { max_concurrent_provisioning: lanes, breaker_max_count: 1_000 });
  await writeFile(config, stringify(document));
}

export interface RunningAgent {
  readonly pid: number;
  readonly ended: Promise<string>;
  /** Asks it to end, as a service manager does, and ends it when it takes longer than `graceMs`. */
  stop(graceMs: number): Promise<void>;
}

/** Starts `dc-agent run` as a process of its own, out of reach of the terminal's Ctrl-C, with its log in a file. */
export async function startAgent(program: Program, host: AgentHost): Promise<RunningAgent> {
  const log = await open(host.logFile, 'a', 0o600);
  const words = ['--config', host.config, 'run', '--log-format', 'json'];
  const child = spawn(program.node, [...program.argv, ...words], {
    detached: true,
    stdio: ['ignore', log.fd, log.fd],
    env: environment(program.env),
  });
  // Should this process end without having taken leave of it.
  const reap = (): void => void child.kill('SIGKILL');
  process.once('exit', reap);
  const closed = once(child, 'close');
  const ended = closed.then(([code, signal]) => {
    process.off('exit', reap);
    return signal === null ? `exit code ${code}` : `signal ${signal}`;
  });
  await once(child, 'spawn');
  await log.close();
  return {
    pid: child.pid ?? 0,
    ended,
    async stop(graceMs) {
      const force = setTimeout(() => child.kill('SIGKILL'), graceMs);
      child.kill('SIGTERM');
      await ended;
      clearTimeout(force);
    },
  };
}

/** What a command may see of this process's environment: nothing that a service manager meant for us, and no secrets. */
function environment(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const wanted = /^(PATH|HOME|LANG|TZ|TMPDIR|NODE_.*)$/;
  return Object.fromEntries(Object.entries(env).filter(([name]) => wanted.test(name)));
}

/** The last complaints in an agent's log, for a message that says why the demonstration failed. */
export async function complaints(logFile: string): Promise<string[]> {
  const lines = (await readFile(logFile, 'utf8')).trim().split('\n');
  return lines.filter((line) => !/"level":"(debug|info)"/.test(line)).slice(-3);
}
