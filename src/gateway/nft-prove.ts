import { connect } from 'node:net';
import { sshFingerprint } from '../guest/index.ts';
import type { NetdClient } from './netd-client.ts';
import type { NetworkSettings } from './plan-settings.ts';
import type { Proof, Route } from './port.ts';

/**
 * Whether a connection to the public port ends in this machine. Three things have to hold together:
 *
 * - Somebody completes an SSH handshake there: it signs our fresh random bytes (RFC 4253, section 8), so the bytes went all the way and came
 *   back, and were not answered by something that only looks open.
 * - The kernel saw the answer come from the address that we gave the machine, for this very connection: we know it by its local port.
 * - The host key is the machine's, where we know it.
 *
 * Nothing is asked of the inside of the machine beyond the SSH server that it is sold with. What a firewall further out does is
 * not seen from here: the connection begins on this host.
 */
export async function proveRoute(
  helper: NetdClient,
  { publicIp }: NetworkSettings,
  route: Route,
  signal: AbortSignal,
): Promise<Proof> {
  const { ipv4, sshPort, hostKey } = route.machine;
  const place = `${publicIp}:${route.firstPort}`;
  const seen = await handshake(publicIp, route.firstPort, signal);
  signal.throwIfAborted();
  if ('why' in seen) return { ok: false, why: `no SSH answer at ${place}: ${seen.why}` };
  const { answered } = await helper.ask({ op: 'answered', localPort: seen.localPort, port: sshPort, ipv4 }, signal);
  if (!answered)
    return { ok: false, stranger: true, why: `who answers at ${place} is not the machine at ${ipv4}:${sshPort}` };
  if (hostKey !== undefined && seen.hostKey !== hostKey) {
    return { ok: false, stranger: true, why: `the SSH host key at ${place} is not the machine's` };
  }
  return { ok: true };
}

type Handshake = { readonly localPort: number; readonly hostKey: string } | { readonly why: string };

const LIMIT_MS = 10_000;
/** A handshake needs a few KB; a server that sends more is not greeting us but feeding us. */
const MAX_BYTES = 64 * 1024;

async function handshake(host: string, port: number, signal: AbortSignal): Promise<Handshake> {
  // Loaded when first needed: most commands never speak SSH.
  const { default: ssh2 } = await import('ssh2');
  const limit = AbortSignal.any([signal, AbortSignal.timeout(LIMIT_MS)]);
  if (limit.aborted) return { why: 'it was broken off' };
  const socket = connect({ host, port, noDelay: true });
  const client = new ssh2.Client();
  let hostKey: string | undefined;
  try {
    return await new Promise<Handshake>((resolve) => {
      const fail = (why: string): void => resolve({ why });
      limit.addEventListener('abort', () => fail(`nothing within ${LIMIT_MS / 1000} s`), { once: true });
      socket.on('error', (error) => fail(plainly(error)));
      client.on('error', (error) => fail(plainly(error)));
      client.on('close', () => fail('the connection was closed'));
      // Only after the signature over both sides' random bytes was found good.
      client.on('handshake', () => {
        const { localPort } = socket;
        if (hostKey === undefined || localPort === undefined) return fail('there was no host key');
        resolve({ localPort, hostKey });
      });
      socket.once('connect', () => {
        client.connect({
          sock: socket,
          username: 'nobody',
          readyTimeout: 0,
          hostVerifier: (key: Buffer) => {
            hostKey = sshFingerprint(key);
            return true;
          },
          // Nobody logs in: the handshake is all that is wanted. The types do not know `false`, the end of all methods.
          authHandler: (_left, _partial, next) => next(false as never),
        });
        socket.on('data', () => {
          if (socket.bytesRead > MAX_BYTES) fail('it sent more than a greeting');
        });
      });
    });
  } finally {
    // What comes after the verdict is nobody's business.
    client.on('error', () => {});
    client.destroy();
    socket.destroy();
  }
}

const PLAIN: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'the connection was refused',
  ECONNRESET: 'the connection was reset',
  EHOSTUNREACH: 'the host is unreachable',
  ENETUNREACH: 'the network is unreachable',
  ETIMEDOUT: 'the connection timed out',
};

/** The error's text may hold bytes of a stranger's choosing, so only known words get through. */
function plainly(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  return PLAIN[code] ?? 'it does not speak SSH as it should';
}
