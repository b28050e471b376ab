import { ConfigError, type ConfigProblem, formatProblem } from '../config/types.ts';
import { redact, redactText } from '../telemetry/redact.ts';
import { advise } from './advice.ts';
import { EXIT, type ExitCode } from './exit.ts';
import type { Io } from './io.ts';

export interface FailureParts {
  /** What failed, on what: one sentence. */
  readonly what: string;
  /** What is known about why. */
  readonly details?: readonly string[];
  /** What to do next: one sentence. */
  readonly next?: string;
  /** The exact command that does it. */
  readonly command?: string;
  readonly exit?: ExitCode;
  readonly cause?: unknown;
}

/** A failure that its reader can do something about. Anything else that is thrown is shown with its chain of causes. */
export class Failure extends Error {
  override readonly name = 'Failure';
  readonly parts: FailureParts;

  constructor(parts: FailureParts) {
    super(parts.what, parts.cause === undefined ? undefined : { cause: parts.cause });
    this.parts = parts;
  }
}

/**
 * Prints why a command failed and returns its exit code. No secret gets through, whatever was thrown.
 * `config` is the configuration in use, for the commands that are advised.
 */
export function reportFailure(error: unknown, io: Io, config: string): ExitCode {
  const parts = explain(error);
  const { colors } = io;
  const lines = [`${colors.red('error:')} ${parts.what}`];
  for (const detail of parts.details ?? []) lines.push(`  ${advise(detail, config)}`);
  if (parts.next !== undefined) lines.push(`${colors.cyan('next:')} ${advise(parts.next, config)}`);
  if (parts.command !== undefined) lines.push(`  ${colors.bold(advise(parts.command, config))}`);
  io.err(redactText(lines.join('\n')));
  return parts.exit ?? EXIT.failed;
}

/** The chain of causes as lines, outermost first, without repeating what a message already quotes. */
export function causes(error: unknown): string[] {
  const lines: string[] = [];
  let current: unknown = error;
  // Five links tell the story; a longer chain is a loop or no story.
  for (let depth = 0; current !== undefined && current !== null && depth < 5; depth++) {
    const line = current instanceof Error ? current.message || current.name : describe(current);
    if (!lines.some((earlier) => earlier.includes(line))) lines.push(line);
    current = current instanceof Error ? current.cause : undefined;
  }
  return lines;
}

/** Something thrown that is no error. */
function describe(thrown: unknown): string {
  return typeof thrown === 'string' ? thrown : (JSON.stringify(redact(thrown)) ?? typeof thrown);
}

function explain(error: unknown): FailureParts {
  if (error instanceof Failure) {
    const because = error.parts.cause === undefined ? [] : causes(error.parts.cause);
    return { ...error.parts, details: [...(error.parts.details ?? []), ...because] };
  }
  if (error instanceof ConfigError) return explainConfig(error.problems);
  const [what = 'unknown failure', ...rest] = causes(error);
  if (error instanceof Error && error.name === 'AgentNotRunning') {
    return {
      what,
      next: 'Start it with systemctl start dc-agent, or by hand:',
      command: 'dc-agent run',
      exit: EXIT.notRunning,
    };
  }
  return { what, details: rest };
}

function explainConfig(problems: readonly ConfigProblem[]): FailureParts {
  const details = problems.map(formatProblem);
  const [first] = problems;
  // About the file as a whole: what it suggests is the way on, and there are no lines to correct.
  if (first?.line === 0 && first.path === '')
    return { what: 'the configuration cannot be read', details, exit: EXIT.config };
  return {
    what: `the configuration has ${problems.length === 1 ? 'a problem' : `${problems.length} problems`}`,
    details,
    next: 'Correct the file, then look again:',
    command: 'dc-agent config check',
    exit: EXIT.config,
  };
}
