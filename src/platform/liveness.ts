import { type Clock, systemClock } from '../ports/clock.ts';
import { PlatformError } from './api.ts';
import { parseJson } from './envelope.ts';
import { exchange } from './exchange.ts';
import { type ClockSkew, createSkewEstimator } from './skew.ts';
import { publicExcerpt, statusError } from './status-error.ts';
import type { Transport } from './transport.ts';

export interface PlatformLiveness {
  readonly message: string;
  readonly environment?: string;
  /** The platform's wall clock in ms, in whole seconds, as of this answer. */
  readonly serverTime?: number;
  readonly skew?: ClockSkew;
}

/** Asks whether the platform is up: unsigned, and not counted by its rate limit. Throws PlatformError when it is not. */
export async function platformHealth(
  transport: Transport,
  { clock = systemClock, signal, timeoutMs = 10_000 }: { clock?: Clock; signal?: AbortSignal; timeoutMs?: number } = {},
): Promise<PlatformLiveness> {
  const sentAt = clock.now();
  const path = '/api/v1/health';
  const response = await exchange(transport, clock, {
    method: 'GET',
    path,
    headers: {},
    timeoutMs,
    ...(signal === undefined ? {} : { signal }),
  });
  if (response.status !== 200) throw statusError(response);
  // The one answer that has no data member.
  const body = parseJson(response);
  if (typeof body !== 'object' || body === null || !('success' in body) || body.success !== true) {
    throw new PlatformError('protocol', `${path} does not say that the platform is well`, { status: 200 });
  }
  const estimator = createSkewEstimator();
  estimator.observe(response.headers, sentAt, clock.now());
  const skew = estimator.estimate();
  const serverTime = Date.parse(response.headers.date ?? '');
  return {
    message: 'message' in body && typeof body.message === 'string' ? publicExcerpt(body.message, [], 200) : '',
    ...('environment' in body && typeof body.environment === 'string'
      ? { environment: publicExcerpt(body.environment, [], 80) }
      : {}),
    ...(Number.isFinite(serverTime) ? { serverTime } : {}),
    ...(skew === undefined ? {} : { skew }),
  };
}
