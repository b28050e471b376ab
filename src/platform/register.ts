import type { Clock } from '../ports/clock.ts';
import type { AgentId } from '../ports/ids.ts';
import { read } from './answers.ts';
import { PlatformError } from './api.ts';
import { readEnvelope } from './envelope.ts';
import { exchange } from './exchange.ts';
import { RegistrationData } from './schema.ts';
import { NotSentError, type Transport, type WireResponse } from './transport.ts';
import { wireJson } from './wire-json.ts';

export interface Registered {
  readonly providerPubkey: string;
  readonly poolId: string;
  readonly poolName?: string;
  readonly poolLocation?: string;
  readonly provisionerType?: string;
  readonly permissions?: readonly string[];
}

export type RegistrationAnswer =
  | { readonly outcome: 'registered'; readonly registration: Registered }
  /** Perhaps by an earlier attempt of ours whose answer was lost: a heartbeat with the agent key tells. */
  | { readonly outcome: 'used' }
  | { readonly outcome: 'expired' }
  | { readonly outcome: 'invalid' }
  /** The token may be spent although nothing was registered: ask for a new one. */
  | { readonly outcome: 'refused'; readonly text: string }
  /** The answer was lost: the token may be spent and the key registered. A heartbeat tells, if the provider's key is known. */
  | { readonly outcome: 'unknown-outcome'; readonly error: PlatformError };

const TIMEOUT_MS = 30_000;

/**
 * Spends a setup token to register the agent key. The key has to be on disk before. Sent once and unsigned; throws a PlatformError
 * only where the token is certain to be untouched (nothing was sent, rate limit, a request that the platform did not take).
 */
export async function registerAgent(
  transport: Transport,
  clock: Clock,
  token: string,
  agentPubkey: AgentId,
  signal?: AbortSignal,
): Promise<RegistrationAnswer> {
  const trimmed = token.trim();
  let response: WireResponse;
  try {
    response = await exchange(transport, clock, {
      method: 'POST',
      path: '/api/v1/agents/setup',
      headers: { 'Content-Type': 'application/json' },
      body: wireJson({ token: trimmed, agentPubkey }),
      timeoutMs: TIMEOUT_MS,
      ...(signal === undefined ? {} : { signal }),
    });
  } catch (error) {
    if (!(error instanceof PlatformError) || error.cause instanceof NotSentError) throw error;
    return { outcome: 'unknown-outcome', error };
  }
  try {
    const envelope = readEnvelope(response, [trimmed]);
    if (!envelope.ok) return declined(envelope.error);
    return { outcome: 'registered', registration: registered(envelope.data) };
  } catch (error) {
    if (!(error instanceof PlatformError) || !mayHaveRegistered(error)) throw error;
    return { outcome: 'unknown-outcome', error };
  }
}

function mayHaveRegistered({ kind }: PlatformError): boolean {
  return kind === 'server' || kind === 'protocol' || kind === 'unreachable';
}

function declined(text: string): RegistrationAnswer {
  if (/token already used/i.test(text)) return { outcome: 'used' };
  if (/token expired/i.test(text)) return { outcome: 'expired' };
  if (/invalid setup token/i.test(text)) return { outcome: 'invalid' };
  return { outcome: 'refused', text };
}

function registered(data: unknown): Registered {
  const { providerPubkey, poolId, poolName, poolLocation, provisionerType, permissions } = read(
    RegistrationData,
    data,
    'registration',
  );
  return {
    providerPubkey,
    poolId,
    ...(poolName === undefined ? {} : { poolName }),
    ...(poolLocation === undefined ? {} : { poolLocation }),
    ...(provisionerType === undefined ? {} : { provisionerType }),
    ...(permissions === undefined ? {} : { permissions }),
  };
}
