import type { Clock } from '../../ports/clock.ts';

/**
 * One exchange under a signal that ends with the caller's or when the time is up, whichever comes first. Nothing of it stays
 * behind on the caller's signal.
 */
export async function withDeadline<T>(
  { clock, signal, timeoutMs }: { clock: Clock; signal: AbortSignal; timeoutMs: number },
  send: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const ending = new AbortController();
  const cancel = clock.after(timeoutMs, () => ending.abort(new Error(`no answer within ${timeoutMs / 1000} s`)));
  // Linked by hand: AbortSignal.any keeps a piece of memory per call for as long as the outer signal lives.
  const onAbort = (): void => ending.abort(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  // Between its turn and this line it may have been cancelled, and nobody would have heard of it.
  if (signal.aborted) onAbort();
  try {
    return await send(ending.signal);
  } finally {
    cancel();
    signal.removeEventListener('abort', onAbort);
  }
}
