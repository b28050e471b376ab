import { isIP } from 'node:net';
import { connect, type TLSSocket } from 'node:tls';
import { type Fingerprint, parseFingerprint } from './tls.ts';

export interface SeenCertificate {
  readonly fingerprint: Fingerprint;
  readonly subject: string;
  readonly issuer: string;
  /** `DNS:pve.example, IP Address:192.0.2.10`; empty when it has none. */
  readonly names: string;
  readonly validFrom: Date;
  readonly validTo: Date;
  /** Why it is not believed without further ado; absent = a public authority vouches for it, and it is for this name. */
  readonly doubt?: string;
}

/**
 * The certificate that a host shows, for a person to compare with what `pvenode cert info` says there. Believes nothing and sends
 * nothing. Rejects when no handshake came about, or the URL is not https.
 */
export function readCertificate(url: string, signal: AbortSignal): Promise<SeenCertificate> {
  const { protocol, hostname, port } = new URL(url);
  if (protocol !== 'https:') return Promise.reject(new Error(`${url} has no certificate: it is not https`));
  const host = hostname.replace(/^\[|\]$/g, '');
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const socket = connect({
      host,
      port: Number(port) || 443,
      ...(isIP(host) === 0 ? { servername: host } : {}),
      // Only looked at: nothing is ever written to this socket.
      rejectUnauthorized: false,
    });
    const onAbort = (): void => void socket.destroy(signal.reason instanceof Error ? signal.reason : undefined);
    signal.addEventListener('abort', onAbort, { once: true });
    socket.once('error', reject);
    socket.once('close', () => {
      signal.removeEventListener('abort', onAbort);
      reject(new Error(`${host} closed the connection`));
    });
    socket.once('secureConnect', () => {
      const seen = describe(socket);
      if (seen === undefined) reject(new Error(`${host} showed no certificate`));
      else resolve(seen);
      socket.destroy();
    });
  });
}

function describe(socket: TLSSocket): SeenCertificate | undefined {
  const certificate = socket.getPeerX509Certificate();
  const fingerprint = parseFingerprint(certificate?.fingerprint256 ?? '');
  if (certificate === undefined || fingerprint === undefined) return undefined;
  return {
    fingerprint,
    subject: certificate.subject?.replaceAll('\n', ', ') ?? '',
    issuer: certificate.issuer?.replaceAll('\n', ', ') ?? '',
    names: certificate.subjectAltName ?? '',
    validFrom: new Date(certificate.validFrom),
    validTo: new Date(certificate.validTo),
    ...(socket.authorized ? {} : { doubt: String(socket.authorizationError) }),
  };
}
