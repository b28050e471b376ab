import { createHash, createPublicKey, diffieHellman, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { isHostSignature } from './ssh-host-key.ts';
import { field, mpint, packet, Reader, takePacket } from './ssh-wire.ts';

export const LOCAL_IDENTIFICATION = 'SSH-2.0-dc-agent';

const KEXINIT = 20;
const ECDH_INIT = 30;
const ECDH_REPLY = 31;
/** The server may say these at any time; they mean nothing here (RFC 4253 §11). */
const IDLE_WORDS: ReadonlySet<number> = new Set([2, 3, 4, 7]);

const KEX = ['curve25519-sha256', 'curve25519-sha256@libssh.org'];
/** The order of the SSH client that saw the host key when the machine was handed over: both must be shown the same one. */
const HOST_KEYS = [
  'ssh-ed25519',
  'ecdsa-sha2-nistp256',
  'ecdsa-sha2-nistp384',
  'ecdsa-sha2-nistp521',
  'rsa-sha2-512',
  'rsa-sha2-256',
];
const CIPHERS = [
  'aes128-gcm@openssh.com',
  'aes256-gcm@openssh.com',
  'chacha20-poly1305@openssh.com',
  'aes128-ctr',
  'aes256-ctr',
];
const MACS = ['hmac-sha2-256-etm@openssh.com', 'hmac-sha2-256', 'hmac-sha2-512', 'hmac-sha1'];

/** Always the same: the cookie is for the freshness of a session, and none begins here. */
const HELLO = Buffer.concat([
  Buffer.from([KEXINIT]),
  Buffer.alloc(16),
  ...[KEX, HOST_KEYS, CIPHERS, CIPHERS, MACS, MACS, ['none'], ['none'], [], []].map((names) => field(names.join(','))),
  Buffer.alloc(5),
]);
const HELLO_PACKET = packet(HELLO);

export function clientHello(): Buffer {
  return HELLO_PACKET;
}

export type Outcome =
  | { readonly state: 'more'; readonly rest: Buffer }
  | { readonly state: 'proved'; readonly hostKey: Buffer; readonly rest: Buffer }
  /** It speaks SSH, but no key exchange of ours. */
  | { readonly state: 'no-common-way'; readonly rest: Buffer }
  | { readonly state: 'nonsense'; readonly rest: Buffer };

export interface Exchange {
  feed(bytes: Buffer): Outcome;
}

/** The client's half of a key exchange (RFC 8731), up to the proof that the server holds its host key. */
export function exchange(serverIdentification: string, send: (packet: Buffer) => void): Exchange {
  let serverHello: Buffer | undefined;
  return {
    feed(bytes) {
      let rest = bytes;
      for (;;) {
        const taken = takePacket(rest);
        if (taken === 'more') return { state: 'more', rest };
        if (taken === 'nonsense') return { state: 'nonsense', rest };
        rest = taken.rest;
        const { payload } = taken;
        const word = payload[0] ?? 0;
        if (word === KEXINIT && serverHello === undefined) {
          serverHello = payload;
          if (!agrees(payload)) return { state: 'no-common-way', rest };
          send(packet(Buffer.concat([Buffer.from([ECDH_INIT]), field(ourKey().point)])));
        } else if (word === ECDH_REPLY && serverHello !== undefined) {
          const hostKey = proof(payload, serverIdentification, serverHello);
          return hostKey === undefined ? { state: 'nonsense', rest } : { state: 'proved', hostKey, rest };
        } else if (!IDLE_WORDS.has(word)) {
          return { state: 'nonsense', rest };
        }
      }
    },
  };
}

function agrees(serverHello: Buffer): boolean {
  const reader = new Reader(serverHello, 17);
  const theirs = (): readonly string[] => reader.field()?.toString('latin1').split(',') ?? [];
  const [kex, hostKeys] = [theirs(), theirs()];
  return KEX.some((name) => kex.includes(name)) && HOST_KEYS.some((name) => hostKeys.includes(name));
}

/** The server's host key, when it signed this exchange with it. */
function proof(reply: Buffer, serverIdentification: string, serverHello: Buffer): Buffer | undefined {
  const reader = new Reader(reply, 1);
  const [hostKey, point, signature] = [reader.field(), reader.field(), reader.field()];
  if (hostKey === undefined || point?.length !== 32 || signature === undefined) return undefined;
  const ours = ourKey();
  const secret = shared(ours.key, point);
  if (secret === undefined) return undefined;
  const hash = createHash('sha256')
    .update(field(LOCAL_IDENTIFICATION))
    .update(field(Buffer.from(serverIdentification, 'latin1')))
    .update(field(HELLO))
    .update(field(serverHello))
    .update(field(hostKey))
    .update(field(ours.point))
    .update(field(point))
    .update(mpint(secret))
    .digest();
  return isHostSignature(hostKey, signature, hash) ? hostKey : undefined;
}

/** RFC 8410: what stands before the 32 bytes of an X25519 public key. */
const SPKI = Buffer.from('302a300506032b656e032100', 'hex');

function shared(key: KeyObject, point: Buffer): Buffer | undefined {
  try {
    const publicKey = createPublicKey({ key: Buffer.concat([SPKI, point]), format: 'der', type: 'spki' });
    return diffieHellman({ privateKey: key, publicKey });
  } catch {
    // A point of small order: a stranger's trick, and no key exchange.
    return undefined;
  }
}

let made: { readonly key: KeyObject; readonly point: Buffer } | undefined;

/** One for the life of the process: nothing secret is ever said over what it agrees on. */
function ourKey(): { readonly key: KeyObject; readonly point: Buffer } {
  if (made === undefined) {
    const { privateKey, publicKey } = generateKeyPairSync('x25519');
    made = { key: privateKey, point: publicKey.export({ format: 'der', type: 'spki' }).subarray(SPKI.length) };
  }
  return made;
}
