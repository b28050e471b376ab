import type { Clock } from '../ports/clock.ts';
import { PlatformError } from './api.ts';
import { publicExcerpt } from './status-error.ts';
import type { Transport, WireRequest, WireResponse } from './transport.ts';

/**
 * One request and its answer, within `timeoutMs` on the given clock even if the transport never settles. Whatever keeps an
 * answer from arriving, the caller's abort included, is an `unreachable` PlatformError with the cause kept.
 */
export async function exchange(transport: Transport, clock: Clock, request: WireRequest): Promise<WireResponse> {
  if (request.signal?.aborted) throw noAnswer(request, request.signal.reason);
  const controller = new AbortController();
  const onAbort = (): void => controller.abort(request.signal?.reason ?? new Error('aborted'));
  const onDeadline = (): void => controller.abort(new Error(`no answer within ${request.timeoutMs} ms`));
  const cancelDeadline = clock.after(request.timeoutMs, onDeadline);
  request.signal?.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([transport({ ...request, signal: controller.signal }), aborted(controller.signal)]);
  } catch (cause) {
    throw noAnswer(request, cause);
  } finally {
    cancelDeadline();
    request.signal?.removeEventListener('abort', onAbort);
  }
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason), { once: true }));
}

function noAnswer({ method, path }: WireRequest, cause: unknown): PlatformError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new PlatformError('unreachable', `no answer to ${method} ${path}: ${publicExcerpt(why, [], 200)}`, { cause });
}
