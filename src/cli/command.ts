import type { ExitCode } from './exit.ts';
import type { Io } from './io.ts';

/**
 * A command is data plus a handler that is imported when it is called: help, documentation and parsing come from one place,
 * and `dc-agent --help` loads nothing heavy.
 */
export interface Command {
  /** Words after `dc-agent`, e.g. `setup token`. */
  readonly name: string;
  /** One line for the list of commands. */
  readonly summary: string;
  /** What it does, what it changes, what it needs; wrapped by the terminal. */
  readonly description: string;
  readonly operands?: readonly Operand[];
  readonly options?: readonly Option[];
  readonly examples: readonly Example[];
  /** Besides 0 and 2, which every command has. */
  readonly exits: readonly ExitCode[];
  /** For programs and not for people: no help or document lists it. */
  readonly hidden?: true;
  readonly load: () => Promise<Handler>;
}

export interface Operand {
  readonly name: string;
  readonly description: string;
  /** One, perhaps one, or any number. */
  readonly takes: 'one' | 'optional' | 'many';
}

export interface Option {
  /** As commander reads them: `--json`, `--token <token>`, `--set <key=value>`. */
  readonly flags: string;
  readonly description: string;
  readonly default?: string;
  /** May be given more than once. */
  readonly repeated?: true;
  readonly required?: true;
}

export interface Example {
  readonly line: string;
  readonly explains: string;
}

export interface Args {
  /** The configuration file. */
  readonly config: string;
  readonly operands: readonly string[];
  readonly options: Readonly<Record<string, unknown>>;
}

/** Runs a command. Throws on failure (see failure.ts); returns an exit code when the result itself is not the good one. */
export type Handler = (args: Args, io: Io) => Promise<ExitCode>;

/** A yes-or-no option. */
export function flag(args: Args, name: string): boolean {
  return args.options[name] === true;
}

/** An option with a value, when it was given or has a default. */
export function text(args: Args, name: string): string | undefined {
  const value = args.options[name];
  return typeof value === 'string' ? value : undefined;
}

/** All values of a repeated option. */
export function texts(args: Args, name: string): readonly string[] {
  const value = args.options[name];
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [];
}
