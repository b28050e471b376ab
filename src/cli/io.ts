import picocolors from 'picocolors';

export type Colors = ReturnType<typeof picocolors.createColors>;

/** What a command may use of the process it runs in. Handed in, so that tests read what a terminal would show. */
export interface Io {
  /** Results: what a script reads. A line break is added. */
  out(text: string): void;
  /** Progress, warnings and errors: what a person reads. A line break is added. */
  err(text: string): void;
  /** All of standard input. */
  input(): Promise<string>;
  readonly colors: Colors;
  /** Standard output is a terminal. */
  readonly terminal: boolean;
  readonly env: NodeJS.ProcessEnv;
  /** Aborted when the user wants the command to end (SIGINT, SIGTERM). */
  readonly signal: AbortSignal;
}

/**
 * Colours only where somebody sees them: on a terminal, without NO_COLOR (https://no-color.org). FORCE_COLOR overrides both
 * (0 or false: never), and --no-color overrides everything.
 */
export function chooseColors(argv: readonly string[], env: NodeJS.ProcessEnv, terminal: boolean): Colors {
  return picocolors.createColors(wantsColors(argv, env, terminal));
}

function wantsColors(argv: readonly string[], env: NodeJS.ProcessEnv, terminal: boolean): boolean {
  if (argv.includes('--no-color')) return false;
  const forced = env['FORCE_COLOR'] ?? '';
  if (forced !== '') return forced !== '0' && forced !== 'false';
  return terminal && (env['NO_COLOR'] ?? '') === '' && env['TERM'] !== 'dumb';
}

/** The real process. The first signal asks the command to end; the second one ends it. */
export function processIo(argv: readonly string[]): Io {
  const controller = new AbortController();
  const onSignal = (signal: NodeJS.Signals): void => {
    // One is enough: without a listener the next one has the system's effect.
    process.off('SIGINT', onSignal);
    process.off('SIGTERM', onSignal);
    controller.abort(new Error(`interrupted by ${signal}`));
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  // `dc-agent status | head -1`: the reader had enough, which is no error. EIO: the terminal was closed.
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE' && error.code !== 'EIO') throw error;
      controller.abort(error);
    });
  }
  const terminal = process.stdout.isTTY === true;
  return {
    out: (text) => void process.stdout.write(`${text}\n`),
    err: (text) => void process.stderr.write(`${text}\n`),
    input: () => readAll(process.stdin),
    colors: chooseColors(argv, process.env, terminal),
    terminal,
    env: process.env,
    signal: controller.signal,
  };
}

async function readAll(stream: AsyncIterable<Buffer | string>): Promise<string> {
  let text = '';
  for await (const chunk of stream) {
    text += chunk.toString();
    if (text.length > MAX_INPUT) throw new Error(`standard input holds more than ${MAX_INPUT} characters`);
  }
  return text;
}

/** Tokens and keys are what commands read; a whole disk image by mistake is not taken in. */
const MAX_INPUT = 1024 * 1024;
