import { ProvisionerError } from '../../src/provisioner/index.ts';

/** One caller's wait for something that others wait for too: being cancelled ends the wait, and not the thing. */
export function untilAborted<T>(value: Promise<T>, signal: AbortSignal, doing: string): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => {
      reject(new ProvisionerError('retry', `Cancelled while ${doing}`, { cause: signal.reason }));
    };
    const end = (): void => signal.removeEventListener('abort', onAbort);
    value.then(resolve, reject).then(end, end);
    if (signal.aborted) return onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
  });
}

/** For what would otherwise begin although nobody waits for it. */
export function refuseAborted(signal: AbortSignal, doing: string): void {
  if (signal.aborted) throw new ProvisionerError('retry', `Cancelled before ${doing}`, { cause: signal.reason });
}
