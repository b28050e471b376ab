import { connect, type Socket } from 'node:net';
import { sshFingerprint } from '../guest/index.ts';
import { systemClock } from '../ports/clock.ts';
import { readIdentification } from './ssh-banner.ts';
import { clientHello, type Exchange, exchange, LOCAL_IDENTIFICATION } from './ssh-exchange.ts';

export interface Door {
  readonly host: string;
  readonly port: number;
  /** From the first packet to the verdict. */
  readonly timeoutMs: number;
}

export type Answer =
  /** An SSH server answers. `hostKey` (`SHA256:…`) is there where it proved to hold one; old servers agree on nothing with us. */
  | { readonly state: 'answers'; readonly latencyMs: number; readonly hostKey?: string }
  | { readonly state: 'silent' }
  /** This host has no way to ask: no route, no free handle. It says nothing of the machine. */
  | { readonly state: 'cannot-ask'; readonly why: string };

export type Knock = (door: Door, signal: AbortSignal) => Promise<Answer>;

/** What greets with more than this is not greeting but feeding us. */
const MAX_BYTES = 64 * 1024;
const OURS: ReadonlySet<string> = new Set(['ENETUNREACH', 'EMFILE', 'ENFILE', 'EADDRNOTAVAIL', 'ENOBUFS', 'EPERM']);

/**
 * Asks an SSH server who it is, and leaves: greeting and key exchange, no login. A tenth of the cost of a whole SSH client,
 * because every machine is asked every few minutes. The host key is believed only with its signature of this very exchange.
 * Rejects only with the signal's reason; the socket is closed in every case.
 */
export const knock: Knock = async (door, signal) => {
  signal.throwIfAborted();
  const socket = connect({ host: door.host, port: door.port, noDelay: true });
  try {
    return await ask(socket, door, signal);
  } finally {
    socket.destroy();
  }
};

function ask(socket: Socket, door: Door, signal: AbortSignal): Promise<Answer> {
  const begun = systemClock.monotonic();
  let bytes: Buffer = Buffer.alloc(0);
  let talk: Exchange | undefined;
  let identified = false;
  return new Promise((resolve, reject) => {
    const settle = (answer: Answer): void => {
      stopTimer();
      signal.removeEventListener('abort', onAbort);
      resolve(answer);
    };
    const onAbort = (): void => {
      stopTimer();
      reject(signal.reason);
    };
    const answers = (hostKey?: Buffer): void =>
      settle({
        state: 'answers',
        latencyMs: systemClock.monotonic() - begun,
        ...(hostKey === undefined ? {} : { hostKey: sshFingerprint(hostKey) }),
      });
    const stopTimer = systemClock.after(door.timeoutMs, () => settle({ state: 'silent' }));
    signal.addEventListener('abort', onAbort, { once: true });
    socket.on('error', (error: NodeJS.ErrnoException) => {
      const code = error.code ?? '';
      settle(OURS.has(code) ? { state: 'cannot-ask', why: code } : { state: 'silent' });
    });
    socket.on('close', () => settle({ state: 'silent' }));
    // Both sides may speak at once (RFC 4253 §4.2); so the whole talk takes two round trips.
    socket.once('connect', () =>
      socket.write(Buffer.concat([Buffer.from(`${LOCAL_IDENTIFICATION}\r\n`), clientHello()])),
    );
    socket.on('data', (chunk) => {
      if (socket.bytesRead > MAX_BYTES) return settle({ state: 'silent' });
      bytes = bytes.length === 0 ? chunk : Buffer.concat([bytes, chunk]);
      if (!identified) {
        const greeting = readIdentification(bytes);
        if (greeting === 'more') return undefined;
        if (greeting === 'no-ssh') return settle({ state: 'silent' });
        identified = true;
        bytes = bytes.subarray(greeting.length);
        talk = exchange(greeting.text, (packet) => socket.write(packet));
      }
      const outcome = talk?.feed(bytes);
      if (outcome === undefined) return undefined;
      bytes = outcome.rest;
      if (outcome.state === 'proved') answers(outcome.hostKey);
      else if (outcome.state === 'no-common-way') answers();
      else if (outcome.state === 'nonsense') settle({ state: 'silent' });
      return undefined;
    });
  });
}
