import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { EXIT } from '../../src/cli/exit.ts';
import { type Built, buildProgram, start } from './built.ts';

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));

describe('the program as it is shipped', () => {
  let built: Built;
  beforeAll(async () => {
    built = await buildProgram();
  });
  afterAll(() => built.remove());

  const run = async (argv: readonly string[], env: Readonly<Record<string, string>> = {}) => {
    const process = start(built.file, argv, env);
    const { code } = await process.ended;
    return { code, out: process.out(), err: process.err() };
  };

  test.each([['--version'], ['-V']])('%s prints the version and nothing else', async (flag) => {
    expect(await run([flag])).toEqual({ code: EXIT.ok, out: `${version}\n`, err: '' });
  });

  test.each([
    ['no command', [], EXIT.usage],
    ['a mistyped command', ['stauts'], EXIT.usage],
    ['help', ['--help'], EXIT.ok],
    ['no configuration', ['--config', '/nonexistent.toml', 'run'], EXIT.config],
  ])('%s ends with its exit code', async (_name, argv, code) => {
    expect((await run(argv)).code).toBe(code);
  });

  test('colours are left out of a pipe, and put in when they are asked for', async () => {
    const argv = ['--config', '/nonexistent.toml', 'doctor'];
    expect((await run(argv)).out).not.toContain('\u001b[');
    expect((await run(argv, { FORCE_COLOR: '1' })).out).toContain('\u001b[');
    expect((await run([...argv, '--no-color'], { FORCE_COLOR: '1' })).out).not.toContain('\u001b[');
  });

  test.each(['SIGINT', 'SIGTERM'] as const)('%s ends a stand-in with 0', async (signal) => {
    const platform = start(built.file, ['dev', 'platform', '--json']);
    await platform.says(/"setupToken"/);
    platform.signal(signal);
    expect(await platform.ended).toEqual({ code: EXIT.ok, signal: null });
  });

  test('a port that is taken is said with what to do', async () => {
    const platform = start(built.file, ['dev', 'platform', '--json']);
    await platform.says(/"url"/);
    const { port } = new URL(JSON.parse(platform.out()).url);
    const second = await run(['dev', 'platform', '--port', port]);
    expect(second.code).toBe(EXIT.failed);
    expect(second.err).toContain('Choose another --port');
    platform.signal('SIGTERM');
    await platform.ended;
  });

  test('a reader that has had enough is no error', async () => {
    const child = spawn(process.execPath, [built.file, 'config', 'schema'], { stdio: ['ignore', 'pipe', 'pipe'] });
    child.stdout.destroy();
    let err = '';
    child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()));
    const [code] = await once(child, 'close');
    expect({ code, err }).toEqual({ code: EXIT.ok, err: '' });
  });
});
