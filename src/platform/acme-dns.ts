import type { Clock } from '../ports/clock.ts';
import { type AcmeDnsAccount, PlatformError } from './api.ts';
import { parseJson } from './envelope.ts';
import { exchange } from './exchange.ts';
import { statusError } from './status-error.ts';
import type { Transport } from './transport.ts';
import { wireJson } from './wire-json.ts';

const TIMEOUT_MS = 30_000;

/**
 * Publishes one ACME challenge for the wildcard name of a gateway, as Caddy's plugin does; whatever was there is overwritten.
 * `transport` has to lead to `account.serverUrl`. Not signed: the account's own password is sent. Unlike the rest of the platform
 * this endpoint answers with real status codes; 401 (`unauthorized`) here means that a later registration replaced the account.
 */
export async function publishChallenge(
  transport: Transport,
  clock: Clock,
  account: AcmeDnsAccount,
  txt: string,
  signal?: AbortSignal,
): Promise<void> {
  const response = await exchange(transport, clock, {
    method: 'POST',
    path: '/update',
    headers: {
      'X-Api-User': account.username,
      'X-Api-Key': account.password,
      'Content-Type': 'application/json',
    },
    body: wireJson({ subdomain: account.subdomain, txt }),
    timeoutMs: TIMEOUT_MS,
    ...(signal === undefined ? {} : { signal }),
  });
  if (response.status !== 200) throw statusError(response, [account.password]);
  const answer = parseJson(response);
  if (typeof answer !== 'object' || answer === null || !('txt' in answer) || answer.txt !== txt) {
    throw new PlatformError('protocol', 'the acme-dns answer does not confirm the challenge', { status: 200 });
  }
}
