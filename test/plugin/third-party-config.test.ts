import { expect, test } from 'vitest';
import { z } from 'zod';
import { API, complaints, options } from '../../src/config/fixtures.ts';
import { parseConfig } from '../../src/config/load.ts';

const target = (type: string, rest = ''): string => `${API}\n[[targets]]\nname = "lab"\ntype = "${type}"\n${rest}`;
const plugins = new Map([
  ...options.plugins,
  ['npm:acme', { settings: z.strictObject({ region: z.string().describe('Where.') }) }],
]);

test('a target may name a plugin that was loaded, with its settings beside the name', () => {
  const { targets } = parseConfig(target('npm:acme', 'region = "eu"'), 'a.toml', { ...options, plugins });
  expect(targets).toEqual([{ name: 'lab', type: 'npm:acme', settings: { region: 'eu' }, isDefault: true }]);
});

test('its schema judges them, as for any other', () => {
  expect(complaints(target('npm:acme', 'regoin = "eu"'), { plugins })).toContain(
    'a.toml:9:1: targets[0].regoin: unknown key; did you mean region?',
  );
});

test('a plugin that was refused is a problem of the line that names it', () => {
  const refused = new Map([['npm:acme', 'is not installed']]);
  expect(complaints(target('npm:acme'), { refused })).toEqual(['a.toml:8:1: targets[0].type: is not installed']);
});

test('a command that loads no plugins says so', () => {
  expect(complaints(target('file:/opt/acme.mjs'))).toEqual([
    'a.toml:8:1: targets[0].type: names a plugin, which this command does not load',
  ]);
});

test('the reference agent’s notation, which makes a name of the type, is not for plugins', () => {
  expect(complaints(`${API}\n[provisioner]\ntype = "npm:acme"\nregion = "eu"`, { plugins })).toEqual([
    'a.toml:7:1: provisioner.type: cannot be used here; expected [[targets]] with name and type for a third-party plugin',
  ]);
});
