import type { Interrupts } from '../../../simulators/demo/options.ts';
import type { Io } from '../io.ts';

export interface HeardInterrupts extends Interrupts {
  /** The terminal is gone: nothing may be written any more. */
  readonly deaf: () => boolean;
  release(): void;
}

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * The first and the second time that somebody wants the command to end. No later one ends the process either: what is being
 * taken back then takes a few seconds, and would stay for ever.
 */
export function hearInterrupts(io: Io): HeardInterrupts {
  const hangup = new AbortController();
  const second = new AbortController();
  let heard = 0;
  const onSignal = (signal: NodeJS.Signals): void => {
    heard += 1;
    if (signal === 'SIGHUP') hangup.abort();
    if (heard > 1) second.abort();
  };
  for (const signal of SIGNALS) process.on(signal, onSignal);
  return {
    first: AbortSignal.any([io.signal, hangup.signal]),
    second: second.signal,
    deaf: () => hangup.signal.aborted,
    release() {
      for (const signal of SIGNALS) process.off(signal, onSignal);
    },
  };
}
