import { expect, test } from 'vitest';
import { Failure } from '../../failure.ts';
import { replaceValues } from './config-text.ts';

const NEW = '{ credential = "agent.key" }';
const PATH = ['api', 'agent_secret_key'];

test.each<[how: string, value: string]>([
  ['a path', '"/root/agent.key"'],
  ['a path in single quotes', "'/root/agent.key'"],
  ['a path with an escaped quote', String.raw`"/root/a\"b"`],
  ['a table of its own', '{ file = "/root/agent.key" }'],
  ['a table without spaces', "{file='/root/agent.key'}"],
])('a value is replaced where it stands, and everything around it stays: %s', (_how, value) => {
  const text = `\uFEFF# mine\r\n[api]\nendpoint = "x"  # here\n  agent_secret_key = ${value} # there\n[[targets]]\nname = "a"\n`;
  const replaced = replaceValues(text, 'a.toml', [{ path: PATH, toml: NEW }]);
  expect(replaced.text).toBe(text.replace(value, () => NEW));
  expect(replaced.were).toEqual([value]);
});

test('put back, the text is what it was', () => {
  const text =
    '[api]\nagent_secret_key = "/root/agent.key"\n[[targets]]\ntoken = { file = "/b" }\n[[targets]]\ntoken = "c"\n';
  const there = replaceValues(text, 'a.toml', [
    { path: PATH, toml: NEW },
    { path: ['targets', 0, 'token'], toml: '{ credential = "b" }' },
  ]);
  const back = replaceValues(there.text, 'a.toml', [
    { path: PATH, toml: there.were[0] ?? '' },
    { path: ['targets', 0, 'token'], toml: there.were[1] ?? '' },
  ]);
  expect(back.text).toBe(text);
});

test.each<[how: string, text: string]>([
  ['a dotted key of the value’s own table', '[api]\nagent_secret_key.file = "/root/agent.key"\n'],
  ['a table with a header', '[api.agent_secret_key]\nfile = "/root/agent.key"\n'],
  ['a text over several lines', '[api]\nagent_secret_key = """\n/root/agent.key"""\n'],
])('where a value is written in another way, nothing is guessed and the line is told: %s', (_how, text) => {
  const attempt = (): unknown => replaceValues(text, 'a.toml', [{ path: PATH, toml: NEW }]);
  expect(attempt).toThrow(Failure);
  expect(attempt).toThrow('api.agent_secret_key in a.toml is written in a way that cannot be changed from here');
});
