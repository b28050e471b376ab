import {
  createHash,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  randomUUID,
  sign,
  X509Certificate,
} from 'node:crypto';
import { isIP } from 'node:net';
import {
  bitFlags,
  bitString,
  boolean,
  context,
  integer,
  objectId,
  octetString,
  sequence,
  setOf,
  time,
  utf8,
} from './der.ts';

/** A certificate and the key that belongs to it. */
export interface Issued {
  readonly pem: string;
  readonly keyPem: string;
  /** SHA-256 of the DER form: `AA:BB:…`. */
  readonly fingerprint: string;
}

/** The cluster's own authority, as every installation makes one for itself. */
export interface Authority extends Issued {
  /** A leaf for a node, good for TLS under these names and addresses. */
  issue(node: string, names: readonly string[], now: number): Issued;
}

type Name = readonly (readonly [kind: 'CN' | 'O' | 'OU', value: string])[];

const DAY_MS = 86_400_000;
const OID = {
  CN: '2.5.4.3',
  O: '2.5.4.10',
  OU: '2.5.4.11',
  ecdsaWithSha256: '1.2.840.10045.4.3.2',
  basicConstraints: '2.5.29.19',
  keyUsage: '2.5.29.15',
  extendedKeyUsage: '2.5.29.37',
  subjectAltName: '2.5.29.17',
  subjectKeyId: '2.5.29.14',
  authorityKeyId: '2.5.29.35',
  serverAuth: '1.3.6.1.5.5.7.3.1',
} as const;

/**
 * Makes an authority of its own. Node reads certificates but cannot write them, so they are put together here, with keys on
 * P-256 (a real host has RSA, which takes seconds to make). Names and periods are those of a real host: ten years, leaves two.
 */
export function createAuthority(now: number): Authority {
  const subject: Name = [
    ['CN', 'Proxmox Virtual Environment'],
    ['OU', randomUUID()],
    ['O', 'PVE Cluster Manager CA'],
  ];
  const { publicKey, privateKey } = newKeys();
  const id = keyId(publicKey);
  const issued = write({
    subject,
    issuer: subject,
    publicKey,
    signer: privateKey,
    from: now - DAY_MS,
    to: now + 3650 * DAY_MS,
    extensions: [
      extension(OID.basicConstraints, 'critical', sequence(boolean(true))),
      extension(OID.keyUsage, 'critical', bitFlags(5, 6)),
      extension(OID.subjectKeyId, 'plain', octetString(id)),
      extension(OID.authorityKeyId, 'plain', sequence(context(0, 'implicit', id))),
    ],
  });
  return {
    ...describe(issued, privateKey),
    issue(node, names, from) {
      const leaf = newKeys();
      const der = write({
        subject: [
          ['OU', 'PVE Cluster Node'],
          ['O', 'Proxmox Virtual Environment'],
          ['CN', node],
        ],
        issuer: subject,
        publicKey: leaf.publicKey,
        signer: privateKey,
        from: from - DAY_MS,
        to: from + 730 * DAY_MS,
        extensions: [
          extension(OID.basicConstraints, 'plain', sequence()),
          extension(OID.extendedKeyUsage, 'plain', sequence(objectId(OID.serverAuth))),
          extension(OID.subjectAltName, 'plain', sequence(...names.map(alternativeName))),
          extension(OID.subjectKeyId, 'plain', octetString(keyId(leaf.publicKey))),
          extension(OID.authorityKeyId, 'plain', sequence(context(0, 'implicit', id))),
        ],
      });
      return describe(der, leaf.privateKey);
    },
  };
}

function newKeys(): { readonly publicKey: KeyObject; readonly privateKey: KeyObject } {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' });
}

function write(to: {
  readonly subject: Name;
  readonly issuer: Name;
  readonly publicKey: KeyObject;
  readonly signer: KeyObject;
  readonly from: number;
  readonly to: number;
  readonly extensions: readonly Buffer[];
}): Buffer {
  const algorithm = sequence(objectId(OID.ecdsaWithSha256));
  const body = sequence(
    context(0, 'explicit', integer(Uint8Array.of(2))),
    integer(randomBytes(16)),
    algorithm,
    distinguishedName(to.issuer),
    sequence(time(to.from), time(to.to)),
    distinguishedName(to.subject),
    to.publicKey.export({ type: 'spki', format: 'der' }),
    context(3, 'explicit', sequence(...to.extensions)),
  );
  return sequence(body, algorithm, bitString(sign('sha256', body, to.signer)));
}

function distinguishedName(name: Name): Buffer {
  return sequence(...name.map(([kind, value]) => setOf(sequence(objectId(OID[kind]), utf8(value)))));
}

function extension(id: string, how: 'critical' | 'plain', value: Buffer): Buffer {
  return sequence(objectId(id), ...(how === 'critical' ? [boolean(true)] : []), octetString(value));
}

function alternativeName(name: string): Buffer {
  if (isIP(name) === 0) return context(2, 'implicit', Buffer.from(name));
  return context(7, 'implicit', addressBytes(name));
}

function addressBytes(address: string): Buffer {
  if (isIP(address) === 4) return Buffer.from(address.split('.').map(Number));
  if (address === '::1') return Buffer.from([...Array<number>(15).fill(0), 1]);
  throw new Error(`the certificate writer knows no other IPv6 address than ::1, and not ${address}`);
}

function keyId(key: KeyObject): Buffer {
  return createHash('sha1')
    .update(key.export({ type: 'spki', format: 'der' }))
    .digest();
}

function describe(der: Buffer, key: KeyObject): Issued {
  const certificate = new X509Certificate(der);
  return {
    pem: certificate.toString(),
    keyPem: key.export({ type: 'pkcs8', format: 'pem' }).toString(),
    fingerprint: certificate.fingerprint256,
  };
}
