import type { Client, ClientChannel } from 'ssh2';
import type { Cancel, Clock } from '../ports/clock.ts';
import type { Secret } from '../ports/secret.ts';
import { sshFingerprint } from './ssh-key.ts';

/** How root of a machine is reached. */
export interface RootAccess {
  readonly host: string;
  readonly port: number;
  /** `SHA256:…`: nobody else gets the script. */
  readonly hostKey: string;
  /** In OpenSSH's format. Made for this purpose alone. */
  readonly privateKey: Secret;
}

export interface SessionOptions {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** For being let in. */
  readonly timeoutMs: number;
}

export interface RunOptions {
  readonly input?: Uint8Array;
  /** More output than this is a machine that floods. */
  readonly maxBytes: number;
  readonly timeoutMs: number;
}

export interface Session {
  /** Runs a command; resolves with its exit code and what it printed. Rejects with SessionError. */
  run(command: string, options: RunOptions): Promise<{ readonly exit: number; readonly output: string }>;
  close(): void;
}

export type SessionProblem =
  /** Nobody answered, or not to the end. Worth another try. */
  | { readonly state: 'lost'; readonly why: string }
  | { readonly state: 'key-refused' }
  | { readonly state: 'wrong-host-key'; readonly hostKey: string }
  | { readonly state: 'unsound'; readonly why: string };

export class SessionError extends Error {
  override readonly name = 'SessionError';
  readonly problem: SessionProblem;

  constructor(problem: SessionProblem) {
    super('why' in problem ? problem.why : problem.state);
    this.problem = problem;
  }
}

/** A dead peer is noticed after half a minute; ssh2 asks nobody by itself. */
const KEEPALIVE = { keepaliveInterval: 10_000, keepaliveCountMax: 3 } as const;
/** How long a command that has ended may keep its channel open. */
const CLOSE_MS = 2_000;

/**
 * Logs in as root, to the machine with that host key and to no other. Rejects with SessionError, and with the signal's reason.
 * Whatever happens to the connection ends every command on it.
 */
export async function openSession(access: RootAccess, options: SessionOptions): Promise<Session> {
  const { clock, signal } = options;
  signal.throwIfAborted();
  const { default: ssh2 } = await import('ssh2');
  signal.throwIfAborted();
  const client: Client = new ssh2.Client();
  const broken = brokenOff(client, signal);
  const close = (): void => {
    broken.forget();
    client.destroy();
  };
  let seen: string | undefined;
  try {
    await within(clock, options.timeoutMs, broken.promise, (ready) => {
      client.once('ready', () => ready(undefined));
      client.connect({
        host: access.host,
        port: access.port,
        username: 'root',
        privateKey: access.privateKey.reveal(),
        readyTimeout: 0,
        ...KEEPALIVE,
        hostVerifier: (key: Buffer) => {
          seen = sshFingerprint(key);
          return seen === access.hostKey;
        },
      });
    });
  } catch (error) {
    close();
    if (seen !== undefined && seen !== access.hostKey) {
      throw new SessionError({ state: 'wrong-host-key', hostKey: seen });
    }
    throw error;
  }
  return {
    close,
    run: (command, run) =>
      within(clock, run.timeoutMs, broken.promise, (done, fail) => {
        begin(client, command, fail, (channel) => converse(clock, channel, run, done, fail));
      }),
  };
}

interface BrokenOff {
  readonly promise: Promise<never>;
  forget(): void;
}

/** Rejects when the connection is over. Errors may follow the first: settling twice does nothing. */
function brokenOff(client: Client, signal: AbortSignal): BrokenOff {
  let forget = (): void => {};
  const promise = new Promise<never>((_resolve, reject) => {
    const onAbort = (): void => reject(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    forget = () => signal.removeEventListener('abort', onAbort);
    client.on('error', (error: Error & { level?: string }) => {
      const refused = error.level === 'client-authentication';
      // The text may hold bytes of the machine's choosing.
      reject(refused ? new SessionError({ state: 'key-refused' }) : lost('The connection failed.'));
    });
    client.on('close', () => reject(lost('The connection was closed.')));
  });
  // It breaks off at the latest when it is closed, and then nobody may be waiting.
  promise.catch(() => {});
  return { promise, forget };
}

/** ssh2 throws where the connection is over already. */
function begin(
  client: Client,
  command: string,
  fail: (error: Error) => void,
  begun: (channel: ClientChannel) => void,
): void {
  try {
    client.exec(command, (error, channel) => (error ? fail(lost('No command can be run.')) : begun(channel)));
  } catch {
    fail(lost('The connection was closed.'));
  }
}

function converse(
  clock: Clock,
  channel: ClientChannel,
  { input, maxBytes }: RunOptions,
  done: (result: { exit: number; output: string }) => void,
  fail: (error: Error) => void,
): void {
  const chunks: Buffer[] = [];
  let size = 0;
  let exit: number | undefined;
  let forget: Cancel = () => {};
  const finish = (): void => {
    forget();
    // Without an exit code it was cut off.
    if (exit === undefined) fail(lost('A command was cut off.'));
    else done({ exit, output: Buffer.concat(chunks).toString('utf8') });
  };
  const count = (chunk: Buffer): boolean => {
    size += chunk.length;
    if (size <= maxBytes) return true;
    fail(new SessionError({ state: 'unsound', why: 'It sends more than was asked for.' }));
    return false;
  };
  channel.on('data', (chunk: Buffer) => {
    if (count(chunk)) chunks.push(chunk);
  });
  // What it complains of is of no use, but must be taken or the rest does not come.
  channel.stderr.on('data', count);
  channel.on('exit', (code: number | null) => {
    exit = code ?? 255;
    forget = clock.after(CLOSE_MS, finish);
  });
  channel.on('error', () => fail(lost('A command was cut off.')));
  channel.on('close', finish);
  channel.end(input);
}

/** One wait with an end: by result, by the connection's end, or by time. */
function within<T>(
  clock: Clock,
  ms: number,
  broken: Promise<never>,
  begin: (done: (value: T) => void, fail: (error: Error) => void) => void,
): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const stop = clock.after(ms, () => reject(lost('No answer within the time limit.')));
    const own = new Promise<T>((done, fail) => begin(done, fail));
    Promise.race([own, broken]).then(resolve, reject).finally(stop);
  });
}

function lost(why: string): SessionError {
  return new SessionError({ state: 'lost', why });
}
