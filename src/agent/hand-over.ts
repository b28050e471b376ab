import type { ContractRecord, Credential } from '../lifecycle/index.ts';
import { Secret } from '../ports/secret.ts';
import type { AgentDeps } from './deps.ts';

export interface HandOver {
  /** What the platform will be told in place of a password, sealed with our own key until then. */
  readonly sealedPassword: string;
  /** The same envelope, for `dc-agent credential`; absent where the platform gets the clear text, since nobody told us a key. */
  readonly credential?: Credential;
}

/**
 * How a password leaves this host: sealed to the tenant's key where that is known, so that it is never readable outside the
 * machine; else in clear text over TLS, which the platform seals itself. Undefined where the key is none.
 */
export function handOver(
  password: string,
  { contract }: ContractRecord,
  sealFor: string | undefined,
  { vault, sealCredential }: Pick<AgentDeps, 'vault' | 'sealCredential'>,
): HandOver | undefined {
  if (sealFor === undefined) return { sealedPassword: vault.seal(password) };
  const envelope = sealCredential(new Secret(password), { publicKey: sealFor, contract });
  if (envelope === undefined) return undefined;
  return { sealedPassword: vault.seal(envelope), credential: { envelope, sealedFor: sealFor } };
}

/** Whether a key can be sealed to at all: an envelope with nothing in it, or undefined. */
export function sealProbe(
  { sealCredential }: Pick<AgentDeps, 'sealCredential'>,
  { contract }: ContractRecord,
  publicKey: string,
): string | undefined {
  return sealCredential(new Secret(''), { publicKey, contract });
}
