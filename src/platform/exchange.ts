import type { Clock } from '../ports/clock.ts';
import { PlatformError } from './api.ts';
import { publicExcerpt } from './status-error.ts';
import type { Transport, WireRequest, WireResponse } from './transport.ts';

/**
 * One request and its answer, within `timeoutMs` on the given clock even if the transport never settles. Whatever keeps an
 * answer from arriving, the caller's abort included, is an `unreachable` PlatformError with the cause kept.
 */
export async function exchange(transport: Transport, clock: Clock, request: WireRequest): Promise<WireResponse> {
  const { signal, timeoutMs } = request;
  if (signal?.aborted) throw noAnswer(request, signal.reason);
  const controller = new AbortController();
  let giveUp: (reason: unknown) => void = () => {};
  const onAbort = (): void => giveUp(signal?.reason ?? new Error('aborted'));
  const cancelDeadline = clock.after(timeoutMs, () => giveUp(new Error(`no answer within ${timeoutMs} ms`)));
  signal?.addEventListener('abort', onAbort, { once: true });
  try {
    return await new Promise((resolve, reject) => {
      giveUp = (reason) => {
        controller.abort(reason);
        reject(reason);
      };
      transport({ ...request, signal: controller.signal }).then(resolve, reject);
    });
  } catch (cause) {
    throw noAnswer(request, cause);
  } finally {
    cancelDeadline();
    signal?.removeEventListener('abort', onAbort);
  }
}

function noAnswer({ method, path }: WireRequest, cause: unknown): PlatformError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new PlatformError('unreachable', `no answer to ${method} ${path}: ${publicExcerpt(why, [], 200)}`, { cause });
}
