import type { MovableClock } from '../../platform/manual-clock.ts';

/** Lets the clock run, `stepMs` at a time, until the promise is settled; two hours of simulated time at most. */
export async function settle<T>(clock: MovableClock, promise: Promise<T>, stepMs = 25): Promise<T> {
  let outcome: PromiseSettledResult<T> | undefined;
  void Promise.allSettled([promise]).then(([result]) => {
    outcome = result;
  });
  for (let left = 7_200_000; left > 0; left -= stepMs) {
    await turn();
    if (outcome?.status === 'fulfilled') return outcome.value;
    if (outcome?.status === 'rejected') throw outcome.reason;
    clock.advance(stepMs);
  }
  throw new Error('not settled after two hours of simulated time');
}

/** Lets so much time pass. */
export async function pass(clock: MovableClock, ms: number): Promise<void> {
  for (let left = ms; left > 0; left -= 50) {
    await turn();
    clock.advance(Math.min(50, left));
  }
  await turn();
}

/** Everything that can go on without a clock goes on. */
function turn(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}
