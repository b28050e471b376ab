import { nanoseconds, type Signer, signedHeaders } from '../identity/sign.ts';
import type { Clock } from '../ports/clock.ts';
import type { Log } from '../ports/log.ts';
import type { Random } from '../ports/random.ts';
import { PlatformError } from './api.ts';
import type { Priority, RateBudget } from './budget.ts';
import { type Envelope, readEnvelope } from './envelope.ts';
import { exchange } from './exchange.ts';
import type { SkewEstimator } from './skew.ts';
import type { Transport, WireRequest } from './transport.ts';

/** One call of the agent: what is asked, how urgent it is, and what must not be repeated in any error. */
export interface Call {
  readonly method: WireRequest['method'];
  readonly path: string;
  readonly body?: string;
  readonly priority: Priority;
  /** The heartbeat's lane: its own connections, so that nothing else can fill them. */
  readonly lane?: 'heartbeat';
  readonly timeoutMs?: number;
  /** Texts of the body that are masked should the platform quote them. */
  readonly secrets?: readonly string[];
  readonly signal?: AbortSignal | undefined;
}

export interface CallerDeps {
  readonly transport: Transport;
  readonly heartbeatTransport: Transport;
  readonly signer: Signer;
  readonly clock: Clock;
  readonly random: Random;
  readonly budget: RateBudget;
  readonly skew: SkewEstimator;
  readonly log: Log;
  readonly timeoutMs: number;
  readonly onObservation: () => void;
}

/**
 * Sends one signed request, once, and returns the envelope of its answer; everything else is a PlatformError. It waits for the
 * rate budget for at most `timeoutMs` and for the answer for as long again.
 */
export function createCaller(deps: CallerDeps): (call: Call) => Promise<Envelope> {
  const { clock, budget, log } = deps;
  return async (call) => {
    const { method, path, body, signal } = call;
    const timeoutMs = call.timeoutMs ?? deps.timeoutMs;
    const tier = method === 'GET' ? 'read' : 'write';
    try {
      await budget.take(tier, call.priority, signal, timeoutMs);
    } catch (cause) {
      if (cause instanceof PlatformError) throw cause;
      throw new PlatformError('unreachable', `${method} ${path} was given up before it was sent`, { cause });
    }

    // Signed after the wait: a signature is good for five minutes only.
    const sentAt = clock.now();
    const started = clock.monotonic();
    const request: WireRequest = {
      method,
      path,
      headers: headersFor(deps, sentAt, call),
      timeoutMs,
      ...(body === undefined ? {} : { body }),
      ...(signal === undefined ? {} : { signal }),
    };
    const response = await exchange(
      call.lane === 'heartbeat' ? deps.heartbeatTransport : deps.transport,
      clock,
      request,
    );
    deps.skew.observe(response.headers, sentAt, clock.now());
    deps.onObservation();
    log.debug(
      { method, path, status: response.status, ms: Math.round(clock.monotonic() - started) },
      'platform answered',
    );
    try {
      return readEnvelope(response, call.secrets);
    } catch (error) {
      if (error instanceof PlatformError && error.kind === 'throttled') budget.throttled(tier, error.retryAfterMs ?? 0);
      throw error;
    }
  };
}

/** Everything that a signed request carries, fresh for each attempt. */
export function headersFor(
  { signer, random }: Pick<CallerDeps, 'signer' | 'random'>,
  sentAt: number,
  { method, path, body }: Pick<Call, 'method' | 'path' | 'body'>,
): Record<string, string> {
  const parts = { timestamp: nanoseconds(sentAt), nonce: random.uuid(), method, path };
  const headers = signedHeaders(signer, body === undefined ? parts : { ...parts, body });
  // The platform answers 415 to a body without a content type, and the header without a body is not its protocol.
  return body === undefined ? headers : { ...headers, 'Content-Type': 'application/json' };
}
