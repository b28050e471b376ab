import { describe, expect, test } from 'vitest';
import type { Command } from '../../src/cli/command.ts';
import { allCommands } from '../../src/cli/commands/index.ts';
import { EXIT, type ExitCode } from '../../src/cli/exit.ts';
import { Failure } from '../../src/cli/failure.ts';
import { chooseColors } from '../../src/cli/io.ts';
import { runProgram } from '../../src/cli/program.ts';
import { VERSION } from '../../src/host/version.ts';
import { recorder, typed } from './harness.ts';

describe('help', () => {
  test.each(allCommands.map((command) => [command.name, command] as const))(
    '%s shows its options, an example and its exit codes',
    async (name, command) => {
      const { code, out } = await typed([...name.split(' '), '--help']);
      expect(code).toBe(EXIT.ok);
      for (const option of command.options ?? []) expect(out).toContain(option.flags);
      expect(command.examples.length).toBeGreaterThan(0);
      for (const example of command.examples) expect(out).toContain(`$ ${example.line}`);
      expect(out).toContain('--config <path>');
      expect(out).toContain('Exit codes:');
    },
  );

  test('the list names every command and every group', async () => {
    const { code, out } = await typed(['--help']);
    expect(code).toBe(EXIT.ok);
    for (const { name } of allCommands.filter(({ hidden }) => hidden !== true))
      expect(out).toContain(name.split(' ')[0]);
    expect(out).not.toContain('netd');
    expect(out).toContain('Exit codes:');
  });

  test('a group without a command shows the commands of the group and is a usage error', async () => {
    const { code, err } = await typed(['config']);
    expect(code).toBe(EXIT.usage);
    expect(err).toContain('explain');
  });

  test('handlers exist for every command', async () => {
    for (const command of allCommands) expect(await command.load()).toBeTypeOf('function');
  });
});

describe('usage', () => {
  test('a mistyped command is answered with the one that was meant', async () => {
    const { code, err } = await typed(['docter']);
    expect(code).toBe(EXIT.usage);
    expect(err).toContain('Did you mean doctor?');
  });

  test('a mistyped command of a group likewise', async () => {
    const { code, err } = await typed(['config', 'chekc']);
    expect(code).toBe(EXIT.usage);
    expect(err).toContain('Did you mean check?');
  });

  test('a mistyped option is answered with the one that was meant', async () => {
    const { code, err } = await typed(['status', '--jsno']);
    expect(code).toBe(EXIT.usage);
    expect(err).toContain('Did you mean --json?');
  });

  test.each([['-V'], ['--version']])('%s prints the version alone', async (flag) => {
    const { code, out } = await typed([flag]);
    expect({ code, out }).toEqual({ code: EXIT.ok, out: VERSION });
  });

  test('a missing operand is a usage error', async () => {
    expect((await typed(['explain'])).code).toBe(EXIT.usage);
  });
});

describe('a command', () => {
  const command = (run: (args: unknown) => Promise<ExitCode>): Command => ({
    name: 'try it',
    summary: 's',
    description: 'd',
    operands: [{ name: 'things', description: 't', takes: 'many' }],
    options: [
      { flags: '--set <key=value>', description: 'd', repeated: true },
      { flags: '--level <level>', description: 'd', default: 'info' },
      { flags: '--json', description: 'd' },
    ],
    examples: [],
    exits: [],
    load: async () => run,
  });

  test('gets its operands, options, defaults and the configuration, wherever --config stands', async () => {
    const seen: unknown[] = [];
    const list = [
      command(async (args) => {
        seen.push(args);
        return EXIT.ok;
      }),
    ];
    const words = ['try', 'it', 'a', 'b', '--set', 'x=1', '--set', 'y=2', '--json'];
    await runProgram(['--config', '/c.toml', ...words], recorder(), list);
    await runProgram([...words, '--config', '/c.toml'], recorder(), list);
    const expected = {
      config: '/c.toml',
      operands: ['a', 'b'],
      options: { set: ['x=1', 'y=2'], level: 'info', json: true },
    };
    expect(seen).toEqual([expected, expected]);
  });

  test('that returns a code ends with it', async () => {
    const list = [command(async () => EXIT.notRunning)];
    expect(await runProgram(['try', 'it'], recorder(), list)).toBe(EXIT.notRunning);
  });

  test('that fails says what, why, what next and the exact command', async () => {
    const io = recorder();
    const failure = new Failure({
      what: 'the thing failed',
      next: 'Do this:',
      command: 'dc-agent do-it',
      exit: EXIT.config,
      cause: new Error('outer', { cause: new Error('inner') }),
    });
    const code = await runProgram(['try', 'it'], io, [
      command(async () => {
        throw failure;
      }),
    ]);
    expect(code).toBe(EXIT.config);
    expect(io.lines.err.join('\n')).toBe('error: the thing failed\n  outer\n  inner\nnext: Do this:\n  dc-agent do-it');
  });

  test('that throws a secret shows none', async () => {
    const io = recorder();
    await runProgram(['try', 'it'], io, [
      command(async () => {
        throw new Error('backend said {"root_password":"hunter2hunter2"}');
      }),
    ]);
    expect(io.lines.err.join('\n')).toContain('backend said');
    expect(io.lines.err.join('\n')).not.toContain('hunter2');
  });
});

describe('colours', () => {
  test.each([
    ['on a terminal', [], {}, true, true],
    ['not into a pipe', [], {}, false, false],
    ['not with --no-color', ['status', '--no-color'], {}, true, false],
    ['not with NO_COLOR', [], { NO_COLOR: '1' }, true, false],
    ['an empty NO_COLOR means nothing', [], { NO_COLOR: '' }, true, true],
    ['not on a dumb terminal', [], { TERM: 'dumb' }, true, false],
    ['into a pipe with FORCE_COLOR', [], { FORCE_COLOR: '1' }, false, true],
    ['FORCE_COLOR outweighs NO_COLOR', [], { FORCE_COLOR: '1', NO_COLOR: '1' }, false, true],
    ['FORCE_COLOR=0 is a no', [], { FORCE_COLOR: '0' }, true, false],
    ['--no-color outweighs FORCE_COLOR', ['--no-color'], { FORCE_COLOR: '1' }, true, false],
  ])('%s', (_name, argv, env, terminal, expected) => {
    expect(chooseColors(argv, env, terminal).isColorSupported).toBe(expected);
  });
});
