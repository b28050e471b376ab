import { type Level, type Logger, pino } from 'pino';
import type { Log } from '../ports/log.ts';
import { redact } from './redact.ts';
import { type KnownSecrets, knownSecrets } from './secrets.ts';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/** Takes one finished JSON line, line break included. */
export interface LineSink {
  write(line: string): void;
}

export interface LogOptions {
  readonly level: LogLevel;
  /** Where lines go; standard output when absent. */
  readonly destination?: LineSink;
  readonly secrets?: KnownSecrets;
}

/**
 * The agent's log: JSON lines, written synchronously so that the last words of a dying process are not lost.
 * Everything passes the redaction twice: field by field before pino sees it, and known values once more in the whole line,
 * so that a message or a binding cannot smuggle one through.
 */
export function createLog(options: LogOptions): Log {
  const secrets = options.secrets ?? knownSecrets;
  const sink = options.destination ?? standardOutput();
  const guarded = { write: (line: string) => sink.write(secrets.hide(line)) };
  const root = pino(
    {
      level: options.level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      // Ours has already turned errors into plain objects; pino's own would add the stack again.
      serializers: { err: (value: unknown) => value },
    },
    guarded,
  );
  return wrap(root, secrets);
}

function wrap(logger: Logger, secrets: KnownSecrets): Log {
  const at =
    (level: Level) =>
    (fields: object, message: string): void => {
      if (!logger.isLevelEnabled(level)) return;
      // A stack helps whoever repairs the agent; an operator who reads info and warnings is helped by the cause chain.
      const stack = level === 'error' || level === 'debug' ? 'keep' : 'drop';
      logger[level](plain(fields, { stack, secrets }), message);
    };
  return {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    child: (fields) => wrap(logger.child(plain(fields, { stack: 'drop', secrets })), secrets),
  };
}

/** An error given as the whole of the fields still ends up under one name. */
function plain(fields: object, options: { stack: 'keep' | 'drop'; secrets: KnownSecrets }): object {
  const clean = redact(fields instanceof Error ? { error: fields } : fields, options);
  return typeof clean === 'object' && clean !== null ? clean : { fields: clean };
}

function standardOutput(): LineSink {
  const stream = pino.destination({ dest: 1, sync: true });
  // Nobody reads any more (EPIPE): that must not stop the agent, which looks after machines and not after its log.
  stream.on('error', () => {});
  return stream;
}
