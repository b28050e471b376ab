import { createLog, type LogLevel } from '../../telemetry/log.ts';
import { type Args, type Handler, text } from '../command.ts';
import { readConfig } from '../configuration.ts';
import { EXIT } from '../exit.ts';
import { Failure } from '../failure.ts';
import type { Io } from '../io.ts';

export const run: Handler = async (args, io) => {
  const level = chooseLevel(text(args, 'logLevel') ?? 'info');
  const config = await readConfig(args, io);
  const log = await openLog(level, args, io);
  const { runAgent } = await import('../compose.ts');
  return runAgent(config, { log, signal: io.signal, env: io.env });
};

const LEVELS: readonly LogLevel[] = ['debug', 'info', 'warn', 'error'];

export function chooseLevel(given: string): LogLevel {
  const level = LEVELS.find((candidate) => candidate === given);
  if (level !== undefined) return level;
  throw new Failure({ what: `--log-level takes ${LEVELS.join(', ')}`, exit: EXIT.usage });
}

async function openLog(level: LogLevel, args: Args, io: Io) {
  const format = text(args, 'logFormat') ?? 'auto';
  if (!['json', 'pretty', 'auto'].includes(format)) {
    throw new Failure({ what: '--log-format takes json, pretty or auto', exit: EXIT.usage });
  }
  if (format === 'json' || (format === 'auto' && !io.terminal)) return createLog({ level });
  // Loaded only here: a service never needs it.
  const { prettySink } = await import('../../telemetry/pretty.ts');
  const destination = prettySink(process.stdout, io.colors.isColorSupported ? 'on' : 'off');
  return createLog({ level, destination });
}
