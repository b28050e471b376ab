import picocolors from 'picocolors';
import type { ExitCode } from '../../src/cli/exit.ts';
import type { Io } from '../../src/cli/io.ts';
import { runProgram } from '../../src/cli/program.ts';

export interface Run {
  readonly code: ExitCode;
  readonly out: string;
  readonly err: string;
}

export interface Terminal extends Io {
  readonly lines: { out: string[]; err: string[] };
}

/** An Io that remembers what was said. */
export function recorder(overrides: Partial<Io> = {}): Terminal {
  const lines = { out: [] as string[], err: [] as string[] };
  return {
    lines,
    out: (text) => void lines.out.push(text),
    err: (text) => void lines.err.push(text),
    input: async () => '',
    colors: picocolors.createColors(false),
    terminal: false,
    env: {},
    signal: new AbortController().signal,
    ...overrides,
  };
}

/** The whole program in this process, as if typed. */
export async function typed(argv: readonly string[], overrides: Partial<Io> = {}): Promise<Run> {
  const io = recorder(overrides);
  const code = await runProgram(argv, io);
  return { code, out: io.lines.out.join('\n'), err: io.lines.err.join('\n') };
}

export interface Background {
  /** The first thing it prints; fails when it ends without. */
  readonly first: Promise<string>;
  /** As Ctrl-C. */
  stop(): Promise<Run>;
}

/** A command that runs until it is told to stop, in this process. */
export function background(argv: readonly string[], overrides: Partial<Io> = {}): Background {
  const controller = new AbortController();
  const lines: string[] = [];
  let heard: (text: string) => void = () => {};
  const printed = new Promise<string>((resolve) => {
    heard = resolve;
  });
  const out = (text: string): void => {
    lines.push(text);
    heard(text);
  };
  const run = typed(argv, { signal: controller.signal, out, ...overrides });
  const early = run.then(({ code, err }) => {
    throw new Error(`dc-agent ${argv.join(' ')} ended with ${code} and said: ${err}`);
  });
  const first = Promise.race([printed, early]);
  // Whoever waits for `first` sees a failure; nobody else has to.
  first.catch(() => {});
  early.catch(() => {});
  return {
    first,
    async stop() {
      controller.abort(new Error('stopped by the test'));
      return { ...(await run), out: lines.join('\n') };
    },
  };
}
