import { connect, type Socket } from 'node:net';
import type ssh2Module from 'ssh2';
import type { BaseAgent, Client, ParsedKey } from 'ssh2';
import { systemClock } from '../ports/clock.ts';
import { sshFingerprint, sshKeyBlob } from './ssh-key.ts';

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
  /** The server would let the holder of this key in. `latencyMs` is the whole probe's duration. */
  | { readonly state: 'ready'; readonly hostKey: string; readonly latencyMs: number }
  /** Nobody answers, or not with SSH yet. `why` is for the operator. */
  | { readonly state: 'not-yet'; readonly why: string }
  | { readonly state: 'key-refused'; readonly hostKey: string }
  | { readonly state: 'wrong-host-key'; readonly hostKey: string };

/**
 * Asks an SSH server whether it would let the tenant in, without having the tenant's private key.
 *
 * RFC 4252 §7 lets a client ask first whether a public key is acceptable and sign afterwards. The probe asks, and leaves as soon as it
 * would have to sign. It proves that sshd answers, who it is, and that the key is installed for the user; it cannot prove
 * that the shell starts, nor see `PermitRootLogin no`, which OpenSSH checks only after the signature.
 *
 * Rejects only with the signal's reason. Every verdict, timeout and abort closes the socket.
 */
export async function probeSsh(target: SshTarget & { readonly signal: AbortSignal }): Promise<SshProbe> {
  target.signal.throwIfAborted();
  // Loaded when first needed: most commands of the CLI never speak SSH.
  const { default: ssh2 } = await import('ssh2');
  target.signal.throwIfAborted();
  const socket = connect({ host: target.host, port: target.port, noDelay: true });
  try {
    return await converse(ssh2, socket, target);
  } finally {
    socket.destroy();
  }
}

/** A login needs under 10 KB; a server that sends more is not greeting us but feeding us. */
const MAX_BYTES = 256 * 1024;

type Ssh2 = typeof ssh2Module;

function converse(ssh2: Ssh2, socket: Socket, target: SshTarget & { readonly signal: AbortSignal }): Promise<SshProbe> {
  const started = systemClock.monotonic();
  const client: Client = new ssh2.Client();
  let hostKey: string | undefined;

  return new Promise<SshProbe>((resolve, reject) => {
    const onAbort = (): void => {
      stopTimer();
      reject(target.signal.reason);
    };
    const settle = (verdict: SshProbe): void => {
      stopTimer();
      target.signal.removeEventListener('abort', onAbort);
      resolve(verdict);
    };
    const notYet = (why: string): void => settle({ state: 'not-yet', why });
    const stopTimer = systemClock.after(target.timeoutMs, () => notYet('No verdict within the time limit.'));
    target.signal.addEventListener('abort', onAbort, { once: true });

    const agent = askingAgent(ssh2, target.sshKey, () => {
      if (hostKey === undefined) return notYet('The server accepted a key before it showed its own.');
      settle({ state: 'ready', hostKey, latencyMs: systemClock.monotonic() - started });
    });
    let offered = false;

    // Errors may follow the verdict (the socket is destroyed under the client): settling twice does nothing.
    client.on('error', (error) => {
      if (hostKey !== undefined && target.expectHostKey !== undefined && hostKey !== target.expectHostKey) {
        return settle({ state: 'wrong-host-key', hostKey });
      }
      if (hostKey !== undefined && offered && error.level === 'client-authentication') {
        return settle({ state: 'key-refused', hostKey });
      }
      notYet(whyNot(error));
    });
    client.on('close', () => notYet('The server closed the connection.'));
    // We never sign, so whoever lets us in lets everybody in: that is no machine to hand over.
    client.on('ready', () => notYet('The server let us in without any proof.'));
    socket.on('error', (error) => notYet(whyNot(error)));
    socket.once('connect', () => {
      try {
        client.connect({
          sock: socket,
          username: target.user,
          readyTimeout: 0,
          // Without a verifier ssh2 accepts every host.
          hostVerifier: (key: Buffer) => {
            hostKey = sshFingerprint(key);
            return target.expectHostKey === undefined || target.expectHostKey === hostKey;
          },
          authHandler: (_left, _partial, next) => {
            // `false` ends it (README, authHandler); the types have forgotten it.
            if (offered) return next(false as never);
            offered = true;
            next({ type: 'agent', username: target.user, agent });
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
  });
}

/**
 * An agent that owns one key which it cannot use. ssh2 offers an agent's keys unsigned first and asks for a signature only after
 * the server's SSH_MSG_USERAUTH_PK_OK (client.js, tryNextAgentKey), so being asked to sign is the server's yes.
 */
function askingAgent(ssh2: Ssh2, sshKey: string, onAccepted: () => void): BaseAgent<ParsedKey> {
  class AskingAgent extends ssh2.BaseAgent<ParsedKey> {
    override getIdentities(done: (error?: Error, keys?: ParsedKey[]) => void): void {
      done(undefined, [offerable(ssh2, sshKey)]);
    }

    override sign(): void {
      // Never answered: the verdict is known and the connection ends here.
      onAccepted();
    }
  }
  return new AskingAgent();
}

/** Any valid key will do: it only lends its shape. */
const TEMPLATE = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8g';

/** ssh2 cannot parse security-key types, but offering a key takes only its type name and its bytes. */
function offerable(ssh2: Ssh2, sshKey: string): ParsedKey {
  const template = ssh2.utils.parseKey(TEMPLATE);
  if (template instanceof Error) throw template;
  const type = sshKey.slice(0, sshKey.indexOf(' '));
  const blob = sshKeyBlob(sshKey);
  return Object.create(template, { type: { value: type }, getPublicSSH: { value: () => blob } }) as ParsedKey;
}

const PLAIN: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'The connection was refused.',
  ECONNRESET: 'The connection was reset.',
  EHOSTUNREACH: 'The host is unreachable.',
  ENETUNREACH: 'The network is unreachable.',
  ENOTFOUND: 'The host name is unknown.',
  EAI_AGAIN: 'The host name could not be looked up.',
  ETIMEDOUT: 'The connection timed out.',
  EPIPE: 'The connection was lost.',
};

/** The error's text may hold bytes of the stranger's choosing, so only known words get through. */
function whyNot(error: unknown): string {
  const { code, level, message } = error as { code?: unknown; level?: unknown; message?: unknown };
  if (typeof code === 'string' && PLAIN[code] !== undefined) return PLAIN[code];
  if (message === 'Connection lost before handshake') return 'The server closed the connection before it greeted.';
  if (level === 'handshake') return 'No secure connection could be agreed on.';
  return 'The server does not speak SSH as it should.';
}
