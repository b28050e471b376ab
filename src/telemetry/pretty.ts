import pinoPretty from 'pino-pretty';
import type { LineSink } from './log.ts';

/** Turns JSON lines into lines for people; for a terminal only. A stream in this thread: worker transports lose the last lines of a crash. */
export function prettySink(out: { write(text: string): unknown }, colors: 'on' | 'off'): LineSink {
  const format = pinoPretty.prettyFactory({
    colorize: colors === 'on',
    translateTime: 'SYS:HH:MM:ss.l',
    messageKey: 'msg',
    timestampKey: 'time',
    singleLine: true,
    // In front of the message and short: whoever follows one contract sees its lines at a glance.
    ignore: 'contract',
    messageFormat: (line, key) => {
      const contract = typeof line['contract'] === 'string' ? `${line['contract'].slice(0, 12)} ` : '';
      return `${contract}${String(line[key])}`;
    },
  });
  return { write: (line) => void out.write(format(line)) };
}
