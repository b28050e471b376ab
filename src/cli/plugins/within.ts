import { systemClock } from '../../ports/clock.ts';

/** What the promise yields, or "late" when it has not ended after `ms`; it is not stopped by that, and may fail later unheard. */
export async function within<T>(ms: number, promise: Promise<T>): Promise<T | 'late'> {
  let cancel = (): void => {};
  const limit = new Promise<'late'>((resolve) => {
    cancel = systemClock.after(ms, () => resolve('late'));
  });
  try {
    return await Promise.race([promise, limit]);
  } finally {
    cancel();
  }
}
