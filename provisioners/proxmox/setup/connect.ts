import { type Clock, ProvisionerError, type Secret, silentLog } from '../../../src/provisioner/index.ts';
import { createPve, type Pve } from '../api.ts';
import type { PveCredentials } from '../call-request.ts';
import type { Trust } from '../tls.ts';
import { httpTransport } from '../transport.ts';

/** Who sets things up: somebody with a password, or a token of an administrator. */
export type Administrator =
  | { readonly how: 'password'; readonly user: string; readonly password: Secret }
  | { readonly how: 'token'; readonly id: string; readonly secret: Secret };

export interface Connection {
  readonly pve: Pve;
  close(): Promise<void>;
}

/** Logs in. A ticket lasts two hours, which the longest setup does not take. Errors: PveProblem; `config` when it cannot be done so. */
export async function connect(
  url: string,
  trust: Trust,
  who: Administrator,
  clock: Clock,
  signal: AbortSignal,
): Promise<Connection> {
  const transport = httpTransport(url, trust, clock);
  const options = { clock, log: silentLog };
  try {
    const credentials = await credentialsOf(createPve(transport, { how: 'none' }, options), who, signal);
    const pve = createPve(transport, credentials, options);
    // A token is only looked at when it is used.
    await pve.cluster.version(signal);
    return { pve, close: () => transport.close() };
  } catch (error) {
    await transport.close();
    throw error;
  }
}

async function credentialsOf(pve: Pve, who: Administrator, signal: AbortSignal): Promise<PveCredentials> {
  if (who.how === 'token') return who;
  const login = await pve.access.login(who.user, who.password, signal);
  if (login !== 'second-factor') return { how: 'ticket', ticket: login.ticket, csrf: login.csrf };
  throw new ProvisionerError(
    'config',
    `${who.user} has a second factor, which is not asked for here: use a token of an administrator (--admin-token-id, --admin-token-file)`,
  );
}
