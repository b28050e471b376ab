import { connect } from 'node:net';
import { systemClock } from '../ports/clock.ts';
import { type Asker, loadAsker, NONSENSE, whyNot } from './ssh-asker.ts';

export interface SshTarget {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  /** `type base64`, as `cleanSshKey` returns it. */
  readonly sshKey: string;
  /** `SHA256:…`; when given, any other host key is a stranger. */
  readonly expectHostKey?: string;
  /** For the whole probe, from the first packet to the verdict. */
  readonly timeoutMs: number;
}

export type SshProbe =
  /** The server would let the holder of this key in. `latencyMs` is from the first packet to the verdict. */
  | { readonly state: 'ready'; readonly hostKey: string; readonly latencyMs: number }
  /** Nobody answers, or not with SSH yet. `why` is for the operator. */
  | { readonly state: 'not-yet'; readonly why: string }
  | { readonly state: 'key-refused'; readonly hostKey: string }
  | { readonly state: 'wrong-host-key'; readonly hostKey: string };

/** One connection to an SSH server, on which it may be asked several times whether it would accept the key. */
export interface SshConversation {
  /** False once the server, a time limit, or a verdict other than a refusal has ended it. */
  readonly isOpen: boolean;
  readonly asked: number;
  /** One question at a time, and another one only after a refusal. Rejects only with the signal's reason, and is over then. */
  ask(timeoutMs: number, signal: AbortSignal): Promise<SshProbe>;
  close(): void;
}

/** Begins a connection; the first question waits for it. */
export async function openConversation(target: SshTarget, signal: AbortSignal): Promise<SshConversation> {
  const asker = await loadAsker();
  signal.throwIfAborted();
  return converse(asker, target);
}

/** A login needs under 10 KB; a server that sends more is not greeting us but feeding us. */
const MAX_BYTES = 256 * 1024;

function converse(asker: Asker, target: SshTarget): SshConversation {
  const since = systemClock.monotonic();
  const socket = connect({ host: target.host, port: target.port, noDelay: true });
  let over: SshProbe | undefined;
  let hostKey: string | undefined;
  let asked = 0;
  /** Hands the verdict to whoever waits for one. */
  let settle: ((verdict: SshProbe) => void) | undefined;
  /** Asks once more; there after a refusal. */
  let offer: (() => void) | undefined;

  const end = (verdict: SshProbe): void => {
    over ??= verdict;
    socket.destroy();
    settle?.(over);
  };
  const notYet = (why: string): void => end({ state: 'not-yet', why });

  // Errors may follow the verdict (the socket is destroyed under the client): ending twice does nothing.
  socket.on('error', (error) => notYet(whyNot(error)));
  socket.on('close', () => notYet('The server closed the connection.'));
  // The client is made only once somebody answers: most looks at a machine that boots find a closed port.
  socket.once('connect', () => {
    try {
      asker(socket, target, {
        onHostKey(seen) {
          hostKey = seen;
          return target.expectHostKey === undefined || target.expectHostKey === seen;
        },
        onAccepted() {
          // An answer that nobody asked for is none.
          if (settle === undefined) return notYet(NONSENSE);
          if (hostKey === undefined) return notYet('The server accepted a key before it showed its own.');
          end({ state: 'ready', hostKey, latencyMs: systemClock.monotonic() - since });
        },
        onRefused(again) {
          if (settle === undefined || hostKey === undefined) return notYet(NONSENSE);
          offer = again;
          settle({ state: 'key-refused', hostKey });
        },
        onProblem(why) {
          if (hostKey === undefined || target.expectHostKey === undefined || hostKey === target.expectHostKey)
            notYet(why);
          else end({ state: 'wrong-host-key', hostKey });
        },
      });
    } catch (error) {
      return notYet(whyNot(error));
    }
    // ssh2 has paused the socket by now, so this listener does not start the flow early.
    socket.on('data', () => {
      if (socket.bytesRead > MAX_BYTES) notYet('The server sent more than a login needs.');
    });
  });

  return {
    get isOpen() {
      return over === undefined;
    },
    get asked() {
      return asked;
    },
    close: () => notYet('The connection was closed.'),
    ask(timeoutMs, signal) {
      return new Promise((resolve, reject) => {
        signal.throwIfAborted();
        if (over !== undefined) return resolve(over);
        const stop = (): void => {
          settle = undefined;
          stopTimer();
          signal.removeEventListener('abort', onAbort);
        };
        const onAbort = (): void => {
          stop();
          notYet('Nobody waits any more.');
          reject(signal.reason);
        };
        const stopTimer = systemClock.after(timeoutMs, () => notYet('No verdict within the time limit.'));
        signal.addEventListener('abort', onAbort, { once: true });
        settle = (verdict) => {
          stop();
          resolve(verdict);
        };
        asked += 1;
        const again = offer;
        offer = undefined;
        again?.();
        return undefined;
      });
    },
  };
}
