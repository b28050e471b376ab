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
