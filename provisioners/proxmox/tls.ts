import { connect as connectPlain, isIP, type Socket } from 'node:net';
import { connect as connectTls, rootCertificates, type TLSSocket } from 'node:tls';
import type { buildConnector } from 'undici';
import { type Clock, isProvisionerError } from '../../src/provisioner/index.ts';
import { type CertificateProblem, certificateRefused, notConnected } from './errors-connect.ts';

export type Connector = buildConnector.connector;

/** Which certificates are believed, in this order: those of a public authority, of the operator's own, the pinned one. */
export type Trust =
  | {
      readonly how: 'checked';
      /** PEM, e.g. of `/etc/pve/pve-root-ca.pem`, which outlives the certificates of the nodes. */
      readonly ca?: string;
      readonly fingerprint?: Fingerprint;
    }
  /** Anybody may read along and answer in the host's place. */
  | { readonly how: 'unchecked' };

declare const brand: unique symbol;

/** SHA-256 of a certificate, `AA:BB:…`. */
export type Fingerprint = string & { readonly [brand]: 'Fingerprint' };

const CONNECT_MS = 10_000;

/** Reads `AA:BB:…`, `aa:bb:…` or 64 plain hex digits; undefined for anything else. */
export function parseFingerprint(text: string): Fingerprint | undefined {
  const hex = text
    .trim()
    .replace(/^sha-?256[ :=]/i, '')
    .replaceAll(':', '')
    .toUpperCase();
  return /^[0-9A-F]{64}$/.test(hex) ? (hex.replace(/..(?!$)/g, '$&:') as Fingerprint) : undefined;
}

/**
 * Makes connections for undici. A socket is handed over only once its certificate is believed, so nothing is ever written to a
 * host that is not. Errors: `config` for a certificate that is not believed, otherwise one that `neverSent` knows.
 */
export function connector(trust: Trust, clock: Clock): Connector {
  return ({ hostname, port, protocol }, done) => {
    const secure = protocol === 'https:';
    const target = { host: hostname, port: Number(port) || (secure ? 443 : 80) };
    const socket = secure ? openTls(target, trust) : connectPlain(target);
    socket.setNoDelay(true);
    const settle = (error?: Error): void => {
      cancel();
      socket.off('error', settle).off('close', closed);
      // What comes after is undici's to hear; a socket that was given up may still have something to say.
      if (error !== undefined) socket.on('error', () => {}).destroy();
      if (error === undefined) done(null, socket);
      else done(isProvisionerError(error) ? error : notConnected(target, error), null);
    };
    const closed = (): void => settle(new Error('the connection was closed'));
    const cancel = clock.after(CONNECT_MS, () => settle(new Error(`no connection within ${CONNECT_MS / 1000} s`)));
    socket.once('error', settle).once('close', closed);
    socket.once(secure ? 'secureConnect' : 'connect', () => {
      const problem = secure && trust.how === 'checked' ? problemOf(socket as TLSSocket, trust) : undefined;
      settle(problem === undefined ? undefined : certificateRefused(target, problem));
    });
  };
}

function openTls(target: { host: string; port: number }, trust: Trust): Socket {
  return connectTls({
    ...target,
    ...(isIP(target.host) === 0 ? { servername: target.host } : {}),
    ...(trust.how === 'checked' && trust.ca !== undefined ? { ca: [...rootCertificates, trust.ca] } : {}),
    ALPNProtocols: ['http/1.1'],
    // Not unchecked: Node notes its verdict in `authorized`, and `problemOf` decides by it before anything is written.
    rejectUnauthorized: false,
  });
}

function problemOf(socket: TLSSocket, trust: Trust & { how: 'checked' }): CertificateProblem | undefined {
  if (socket.authorized) return undefined;
  const seen = socket.getPeerX509Certificate()?.fingerprint256;
  if (trust.fingerprint !== undefined && seen === trust.fingerprint) return undefined;
  return {
    expected: trust.fingerprint,
    seen,
    // Node's types call it an Error; it is the code as a text.
    why: String(socket.authorizationError ?? 'it could not be verified'),
    ca: trust.ca !== undefined,
  };
}
