import type { Clock } from '../ports/clock.ts';

/** The time given to a call was used up. */
export class DeadlineError extends Error {
  override readonly name = 'DeadlineError';
}

/**
 * Runs `work` with a signal that is aborted after `ms` or with `outer`. Rejects at that moment even when `work` does not listen,
 * so one stuck call can never stop a loop.
 */
export async function withDeadline<T>(
  clock: Clock,
  ms: number,
  outer: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  outer.throwIfAborted();
  const controller = new AbortController();
  return new Promise<T>((resolve, reject) => {
    const cancel = clock.after(ms, () => end(new DeadlineError(`no answer within ${Math.round(ms / 1000)} s`)));
    const onOuter = (): void => end(outer.reason);
    const end = (reason: unknown): void => {
      clean();
      controller.abort(reason);
      reject(reason);
    };
    const clean = (): void => {
      cancel();
      outer.removeEventListener('abort', onOuter);
    };
    outer.addEventListener('abort', onOuter, { once: true });
    work(controller.signal).then(
      (value) => {
        clean();
        resolve(value);
      },
      (error: unknown) => {
        clean();
        reject(error);
      },
    );
  });
}
