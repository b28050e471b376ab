import { Argument, CommanderError, Command as Parser, Option as ParserOption } from 'commander';
import { VERSION } from '../host/version.ts';
import type { Command, Option } from './command.ts';
import { allCommands, DEFAULT_CONFIG, GROUPS } from './commands/index.ts';
import { EXIT, EXIT_MEANING, type ExitCode } from './exit.ts';
import { reportFailure } from './failure.ts';
import type { Io } from './io.ts';

/** Runs one command line (without node and script) and returns its exit code. Never throws, never ends the process. */
export async function runProgram(
  argv: readonly string[],
  io: Io,
  commands: readonly Command[] = allCommands,
): Promise<ExitCode> {
  let exit: ExitCode = EXIT.ok;
  let file = DEFAULT_CONFIG;
  const program = buildParser(io, commands, async (command, parser) => {
    const { config, color: _color, ...options } = parser.optsWithGlobals() as Record<string, unknown>;
    if (typeof config === 'string') file = config;
    const handler = await command.load();
    exit = await handler({ config: file, operands: parser.args, options }, io);
  });
  try {
    await program.parseAsync(argv, { from: 'user' });
    return exit;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
    return reportFailure(error, io, file);
  }
}

type Action = (command: Command, parser: Parser) => Promise<void>;

/** The parser for a list of commands. */
export function buildParser(io: Io, commands: readonly Command[], action: Action): Parser {
  const program = new Parser('dc-agent');
  prepare(program, io);
  program
    .description('Turns contracts on the marketplace into machines on your own hardware or cloud account.')
    .version(VERSION, '-V, --version', 'print the version')
    .option('--config <path>', 'configuration file', DEFAULT_CONFIG)
    .option('--no-color', 'no colours; NO_COLOR=1 in the environment does the same')
    .addHelpText('after', exitTable());
  for (const command of commands) {
    const words = command.name.split(' ');
    const name = words.at(-1) ?? command.name;
    const parent = words.length === 1 ? program : groupOf(program, words[0] ?? '', io);
    const parser = parent.command(name, { hidden: command.hidden === true });
    prepare(parser, io);
    parser.summary(command.summary).description(command.description);
    for (const operand of command.operands ?? []) {
      const shape = { one: `<${operand.name}>`, optional: `[${operand.name}]`, many: `[${operand.name}...]` };
      parser.addArgument(new Argument(shape[operand.takes], operand.description));
    }
    for (const option of command.options ?? []) parser.addOption(parserOption(option));
    parser.addHelpText('after', examples(command));
    parser.action(() => action(command, parser));
  }
  return program;
}

function prepare(parser: Parser, io: Io): void {
  parser
    .exitOverride()
    .configureOutput({
      writeOut: (text) => io.out(text.replace(/\n$/, '')),
      writeErr: (text) => io.err(text.replace(/\n$/, '')),
    })
    .configureHelp({ showGlobalOptions: true })
    .helpOption('-h, --help', 'show this help')
    .showHelpAfterError('(--help shows what is possible)');
}

function groupOf(program: Parser, name: string, io: Io): Parser {
  const present = program.commands.find((candidate) => candidate.name() === name);
  if (present) return present;
  const group = program.command(name);
  prepare(group, io);
  return group.summary(GROUPS[name] ?? '').description(GROUPS[name] ?? '');
}

function parserOption(option: Option): ParserOption {
  const result = new ParserOption(option.flags, option.description);
  if (option.default !== undefined) result.default(option.default);
  if (option.required) result.makeOptionMandatory();
  if (option.repeated) {
    result.argParser((value: string, earlier: unknown) => [...(Array.isArray(earlier) ? earlier : []), value]);
  }
  return result;
}

function examples(command: Command): string {
  const lines = command.examples.map((example) => `  $ ${example.line}\n      ${example.explains}`);
  const codes = [EXIT.ok, ...command.exits, EXIT.usage].sort((a, b) => a - b);
  const exits = codes.map((code) => `  ${String(code).padStart(2)}  ${EXIT_MEANING[code]}`);
  return `\nExamples:\n${lines.join('\n')}\n\nExit codes:\n${exits.join('\n')}`;
}

function exitTable(): string {
  const lines = Object.values(EXIT).map((code) => `  ${String(code).padStart(2)}  ${EXIT_MEANING[code]}`);
  return `\nExit codes:\n${lines.join('\n')}`;
}
