import { PveProblem } from './errors.ts';

export interface CertificateProblem {
  /** The pinned fingerprint, when there is one. */
  readonly expected: string | undefined;
  /** Of the certificate that was shown. */
  readonly seen: string | undefined;
  /** OpenSSL's or Node's code. */
  readonly why: string;
  /** An authority of the operator's own was tried. */
  readonly ca: boolean;
}

interface Target {
  readonly host: string;
  readonly port: number;
}

const NOT_CONNECTED = 'PVE_NOT_CONNECTED';

/** No connection was made, so nothing was asked. */
export function notConnected({ host, port }: Target, cause: Error): Error {
  const hint = /wrong version number|packet length too long/i.test(cause.message) ? ' (is it https there?)' : '';
  const why = 'code' in cause && typeof cause.code === 'string' ? cause.code : cause.message;
  return Object.assign(new Error(`no connection to ${host}:${port}: ${why}${hint}`, { cause }), {
    code: NOT_CONNECTED,
  });
}

/** True when the request provably never left. A transport in the same process says ECONNREFUSED. */
export function neverSent(error: unknown): boolean {
  return (
    typeof error === 'object' &&
    error !== null &&
    'code' in error &&
    (error.code === NOT_CONNECTED || error.code === 'ECONNREFUSED')
  );
}

/** The host shows a certificate that nothing vouches for. Nothing was asked. */
export function certificateRefused(target: Target, problem: CertificateProblem): PveProblem {
  return new PveProblem('config', 'certificate', `${sentence(target, problem)} Nothing was sent.`, {
    publicText: 'The provider has to look after the connection to its host.',
  });
}

/** The leaf changes when it is renewed (every two years), when a node is installed anew, and when an ACME certificate is set. */
function sentence({ host, port }: Target, { expected, seen, why, ca }: CertificateProblem): string {
  const where = `${host}:${port}`;
  const shown = seen === undefined ? 'It showed none' : `It showed ${seen}`;
  if (expected !== undefined) {
    return `The certificate of ${where} has changed: expected the SHA-256 fingerprint ${expected}. ${shown}. Compare it with what 'pvenode cert info' says on that host; if it is the same, run 'dc-agent setup proxmox --repin'.`;
  }
  if (why === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    return `The certificate of ${where} is not for this name. ${shown}. Use a name that 'pvenode cert info' lists in api_url, or set 'fingerprint'.`;
  }
  if (why === 'CERT_HAS_EXPIRED') {
    return `The certificate of ${where} has expired. ${shown}. Renew it: 'pvecm updatecerts --force' on that host.`;
  }
  const tried = ca ? 'neither a public authority nor the one in ca_file' : 'no public authority';
  return `The certificate of ${where} is signed by ${tried} (${why}). ${shown}. Compare it with what 'pvenode cert info' says on that host and set 'fingerprint', or set 'ca_file' to a copy of /etc/pve/pve-root-ca.pem.`;
}
