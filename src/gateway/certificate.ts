import { connect } from 'node:tls';
import { systemClock } from '../ports/clock.ts';

/** What a TLS server shows for a name. */
export type Shown =
  | {
      readonly state: 'shown';
      readonly names: readonly string[];
      /** Of the certificate: its SHA-256. */
      readonly fingerprint: string;
      /** ms */
      readonly validUntil: number;
    }
  | { readonly state: 'none'; readonly why: string };

export interface TlsPlace {
  readonly name: string;
  readonly host: string;
  readonly port: number;
}

const TIMEOUT_MS = 5_000;

/**
 * The certificate that is served for a name, looked at and not believed: who signed it is the visitor's business, and during set-up it
 * may be an authority that nobody knows.
 */
export function certificateFor({ name, host, port }: TlsPlace, signal: AbortSignal): Promise<Shown> {
  return new Promise((resolve) => {
    const socket = connect({
      host,
      port,
      servername: name,
      rejectUnauthorized: false,
      ALPNProtocols: ['h2'],
    });
    const settle = (shown: Shown): void => {
      cancel();
      signal.removeEventListener('abort', onAbort);
      socket.destroy();
      resolve(shown);
    };
    const onAbort = (): void => settle({ state: 'none', why: 'cancelled' });
    const cancel = systemClock.after(TIMEOUT_MS, () => settle({ state: 'none', why: 'no answer' }));
    signal.addEventListener('abort', onAbort, { once: true });
    socket.once('secureConnect', () => {
      const { subjectaltname = '', valid_to, fingerprint256: fingerprint } = socket.getPeerCertificate();
      const names = subjectaltname.split(', ').map((one) => one.replace(/^DNS:/, ''));
      settle({ state: 'shown', names, fingerprint, validUntil: Date.parse(valid_to) });
    });
    // Caddy ends the handshake with an alert for as long as it has no certificate for the name.
    socket.once('error', (error: NodeJS.ErrnoException) =>
      settle({ state: 'none', why: error.code === 'ECONNREFUSED' ? 'nobody listens' : 'no certificate yet' }),
    );
  });
}
