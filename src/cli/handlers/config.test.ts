import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import picocolors from 'picocolors';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { MINIMAL } from '../../config/fixtures.ts';
import { EXIT } from '../exit.ts';
import type { Io } from '../io.ts';
import { runProgram } from '../program.ts';

let home: string;
beforeAll(() => {
  home = mkdtempSync(join(tmpdir(), 'dc-config-'));
});
afterAll(() => rmSync(home, { recursive: true, force: true }));

/** The command line in this process, for a file of this content. */
async function typed(content: string, ...words: string[]) {
  const file = join(home, 'a.toml');
  writeFileSync(file, content, { mode: 0o600 });
  const out: string[] = [];
  const err: string[] = [];
  const io: Io = {
    out: (text) => void out.push(text),
    err: (text) => void err.push(text),
    input: async () => '',
    colors: picocolors.createColors(false),
    terminal: false,
    env: {},
    signal: new AbortController().signal,
  };
  const code = await runProgram(['--config', file, ...words], io);
  return { file, code, out: out.join('\n'), err: err.join('\n') };
}

test('config check ends with 0 for a valid file', async () => {
  const { file, code, out, err } = await typed(MINIMAL, 'config', 'check');
  expect({ code, out, err }).toEqual({ code: EXIT.ok, out: `${file}: valid; target local (docker)`, err: '' });
});

test.each([['config', 'check'], ['config', 'explain'], ['run']])(
  '%s %s ends with 78 for a file with a problem, and shows it',
  async (...words) => {
    const { file, code, out, err } = await typed(MINIMAL.replace('endpoint', 'endpiont'), ...words);
    expect(code).toBe(78);
    expect(out + err).toContain(`${file}:2:1: api.endpiont: unknown key; did you mean endpoint?`);
  },
);

test('what --json prints is JSON, whether the file is valid or not', async () => {
  for (const [content, valid] of [
    [MINIMAL, true],
    ['x', false],
  ] as const) {
    expect(JSON.parse((await typed(content, 'config', 'check', '--json')).out)).toMatchObject({ valid });
  }
  expect(JSON.parse((await typed(MINIMAL, 'config', 'explain', '--json')).out)).toHaveProperty('keys');
});

test('config schema prints a JSON Schema and needs no file', async () => {
  const { code, out } = await typed('', 'config', 'schema');
  expect(code).toBe(EXIT.ok);
  expect(JSON.parse(out)).toMatchObject({ $schema: 'http://json-schema.org/draft-07/schema#', type: 'object' });
});
