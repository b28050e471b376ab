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
    headers: headersOf(account),
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

export type AccountAnswer =
  | { readonly state: 'taken' }
  /** Another registration of the same id came later. */
  | { readonly state: 'replaced' }
  | { readonly state: 'unknown'; readonly why: string };

/**
 * Whether the account is still the one of its gateway; changes nothing. A challenge without its text is refused either way: who is
 * unknown with 401, and who is known with 400.
 */
export async function askAboutAccount(
  transport: Transport,
  clock: Clock,
  account: AcmeDnsAccount,
  signal?: AbortSignal,
): Promise<AccountAnswer> {
  try {
    const { status } = await exchange(transport, clock, {
      method: 'POST',
      path: '/update',
      headers: headersOf(account),
      body: wireJson({ subdomain: account.subdomain }),
      timeoutMs: TIMEOUT_MS,
      ...(signal === undefined ? {} : { signal }),
    });
    if (status === 400) return { state: 'taken' };
    if (status === 401) return { state: 'replaced' };
    return { state: 'unknown', why: `the platform answers with status ${status}` };
  } catch (error) {
    if (!(error instanceof PlatformError)) throw error;
    return { state: 'unknown', why: error.message };
  }
}

function headersOf({ username, password }: AcmeDnsAccount): Record<string, string> {
  return { 'X-Api-User': username, 'X-Api-Key': password, 'Content-Type': 'application/json' };
}
