import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { Secret } from '../ports/secret.ts';
import { secret } from '../provisioner/settings.ts';
import { configCheck } from './command.ts';
import { configExplain } from './explain.ts';
import { API, complaints, KEY, MINIMAL, options, PUBKEY, refusal } from './fixtures.ts';
import { loadConfig, parseConfig } from './load.ts';

let home: string;
beforeAll(() => {
  home = mkdtempSync(join(tmpdir(), 'dc-config-'));
});
afterAll(() => rmSync(home, { recursive: true, force: true }));

function file(name: string, content: string | Uint8Array, mode = 0o600): string {
  const path = join(home, name);
  writeFileSync(path, content, { mode });
  // The umask has a say in the mode of a new file.
  chmodSync(path, mode);
  return path;
}

const vault = { settings: z.strictObject({ token: secret('The token.'), size: z.int().default(1).describe('Size.') }) };
const vaultOptions = { ...options, plugins: new Map([['vault', vault]]) };
const withToken = (value: string): string => `${API}\n[[targets]]\nname = "v"\ntype = "vault"\ntoken = ${value}\n`;
const read = z.object({ token: z.instanceof(Secret) });
const tokenOf = (text: string, env: NodeJS.ProcessEnv = {}) =>
  read.parse(parseConfig(text, 'a.toml', { ...vaultOptions, env }).targets[0]?.settings).token.reveal();

/** What a person, a script or a log could see of reading a file. */
function everythingSaidOf(path: string): string {
  const outputs = [configCheck(path, vaultOptions), configExplain(path, vaultOptions)];
  const shown = outputs.flatMap(({ text, json }) => [text, JSON.stringify(json), inspect(json, { depth: 9 })]);
  try {
    const config = loadConfig(path, vaultOptions);
    return [...shown, JSON.stringify(config), inspect(config, { depth: 9, showHidden: true })].join('\n');
  } catch (error) {
    return [...shown, JSON.stringify(error), inspect(error, { depth: 9, showHidden: true })].join('\n');
  }
}

const PLANTED = 'Pl4nted-S3cret';

test.each<[where: string, text: string]>([
  ['a valid file', withToken(`"${PLANTED}"`)],
  ['a file with a mistake elsewhere', withToken(`"${PLANTED}"\nsize = "big"`)],
  ['a file whose secret is taken for a number', withToken(`["${PLANTED}"]`)],
  ['a secret without quotes', withToken(PLANTED)],
  ['a secret whose quotes do not close', withToken(`"${PLANTED}`)],
  ['a line after the secret that is no TOML', withToken(`"${PLANTED}"\n= 3`)],
  ['the same key again', withToken(`"${PLANTED}"\ntoken = "${PLANTED}2"`)],
  ['a secret under a misspelt key', withToken('"x"').replace('token', 'tokken').replace('"x"', `"${PLANTED}"`)],
  ['a secret where another setting belongs', withToken(`"t"\nsize = "${PLANTED}"`)],
  ['a secret as a name', withToken('"t"').replace('"v"', `"${PLANTED}"`)],
  ['a secret as a type', withToken('"t"').replace('"vault"', `"${PLANTED}"`)],
  ['a secret as the agent key', MINIMAL.replace('/root/.dc-agent/agent.key', `${KEY.slice(1)}${PLANTED}`)],
  ['a secret in the URL', MINIMAL.replace('https://', `https://user:${PLANTED}@`)],
  ['a secret with a placeholder', withToken(`"${PLANTED}-CHANGEME"`)],
  ['a secret as the name of its file', withToken(`{ file = "${PLANTED}" }`)],
  ['a secret as the name of its credential', withToken(`{ credential = "${PLANTED}!" }`)],
  ['the provider’s key', `${MINIMAL}`.replace('[api]', `[api]\nprovider_secret_key = "${PLANTED}"`)],
])('no output shows a secret: %s', (where, text) => {
  expect(text).toContain(PLANTED);
  const said = everythingSaidOf(file(`${where.replaceAll(/\W/g, '-')}.toml`, text));
  expect(said).toContain('.toml');
  expect(said).not.toContain(PLANTED);
});

test.each<[what: string, value: string]>([
  ['64 hex digits', KEY],
  ['a UUID', '0d6f1b1e-5a7b-4c3d-9e8f-a1b2c3d4e5f6'],
  ['an API token', `dop_v1_${KEY}`],
])('a secret that was pasted in place of a key is told by its length only: %s', (_what, value) => {
  const [complaint] = complaints(`${MINIMAL}"${value}" = 1`);
  expect(complaint).toBe(`a.toml:9:1: targets[0].(a key of ${value.length} characters): unknown key`);
});

test.each([
  ['a damaged key', KEY.slice(2)],
  ['a key with spaces', `${KEY.slice(0, 32)} ${KEY.slice(32)}`],
  ['a key in base64', Buffer.from(KEY, 'hex').toString('base64')],
  ['a key over two lines', `${KEY.slice(0, 32)}\\n${KEY.slice(32)}`],
])('%s is not taken for a path, which would be printed', (_what, value) => {
  expect(complaints(MINIMAL.replace('/root/.dc-agent/agent.key', value))).toEqual([
    'a.toml:4:1: api.agent_secret_key: is neither a key nor a path; expected 64 hex digits or the path of a file that holds them',
  ]);
});

test('a path of the home directory is not guessed', () => {
  expect(complaints(MINIMAL.replace('/root', '~'))).toEqual([
    'a.toml:4:1: api.agent_secret_key: ~ is not expanded; expected 64 hex digits or the path of a file that holds them',
  ]);
});

test('a secret comes from the text, from a file or from a credential', () => {
  const path = file('token', `${PLANTED}\n`);
  expect(tokenOf(withToken(`"${PLANTED}"`))).toBe(PLANTED);
  expect(tokenOf(withToken(`{ file = "${path}" }`))).toBe(PLANTED);
  expect(tokenOf(withToken('{ credential = "token" }'), { CREDENTIALS_DIRECTORY: home })).toBe(PLANTED);
});

test('the agent key of a file or a credential must be the key itself', () => {
  file('agent.key', `${KEY}\n`);
  file('other', `/${PLANTED}`);
  const read = (name: string) =>
    parseConfig(MINIMAL.replace('"/root/.dc-agent/agent.key"', `{ credential = "${name}" }`), 'a.toml', {
      ...options,
      env: { CREDENTIALS_DIRECTORY: home },
    });
  const { agentKey } = read('agent.key').api;
  expect(agentKey.kind === 'hex' && agentKey.secret.reveal()).toBe(KEY);
  expect(refusal(() => read('other')).message).toBe(
    'a.toml:4:1: api.agent_secret_key: holds no agent key; expected 64 hex digits',
  );
});

test.each([0o640, 0o604, 0o620, 0o602, 0o610, 0o601])(
  'a secret’s file that others can reach is refused: mode %o',
  (mode) => {
    const path = file(`open-${mode}`, PLANTED, mode);
    expect(refusal(() => tokenOf(withToken(`{ file = "${path}" }`))).message).toBe(
      `a.toml:9:1: targets[0].token: the file can be reached by group or others (mode 0${mode.toString(8)}); run: chmod 600 on it`,
    );
  },
);

test.skipIf(process.getuid?.() !== 0)('a secret’s file of another user is refused', () => {
  const path = file('foreign', PLANTED);
  chownSync(path, 4711, 4711);
  expect(refusal(() => tokenOf(withToken(`{ file = "${path}" }`))).message).toMatch(/belongs to another user/);
});

test.each<[what: string, value: () => string, message: string]>([
  ['an empty text', () => '"  "', 'is empty'],
  ['an empty file', () => `{ file = "${file('empty', '\n')}" }`, 'the file is empty'],
  ['no file', () => `{ file = "${join(home, 'absent')}" }`, 'the file cannot be opened (ENOENT)'],
  ['a directory', () => `{ file = "${home}" }`, 'the file is not a regular file'],
  ['a device that never ends', () => '{ file = "/dev/zero" }', 'the file is not a regular file'],
  ['a relative path', () => '{ file = "token" }', 'the file of a secret needs an absolute path'],
  [
    'a huge file',
    () => `{ file = "${file('huge', Buffer.alloc(70_000, 'x'))}" }`,
    'the file is larger than 65536 bytes',
  ],
  [
    'a credential without systemd',
    () => '{ credential = "token" }',
    'needs a systemd credential, and CREDENTIALS_DIRECTORY is not set; see LoadCredential= in systemd.exec',
  ],
  [
    'a credential that climbs out of its directory',
    () => '{ credential = "../../etc/shadow" }',
    'the name of the credential is not one',
  ],
])('a secret that cannot be had is told, without it: %s', (_what, value, message) => {
  expect(refusal(() => tokenOf(withToken(value()))).problems).toEqual([
    { file: 'a.toml', line: 9, column: 1, path: 'targets[0].token', message },
  ]);
});

test('something that is no secret in any form is told', () => {
  for (const value of ['3', '{}', '["a"]', '{ path = "/a" }', '{ file = 1 }', '{ file = "/a", credential = "b" }']) {
    expect(refusal(() => tokenOf(withToken(value))).problems[0]?.expected).toBe(
      'a text, { file = "/path" } or { credential = "name" }',
    );
  }
});

const warningsOf = (path: string) => loadConfig(path, vaultOptions).warnings.map(({ code, path: key }) => [code, key]);

test('a file that others can read, with a secret in it, is warned about at every such secret', () => {
  const inline = withToken('"t0ken"').replace('/root/.dc-agent/agent.key', KEY);
  expect(warningsOf(file('readable.toml', inline, 0o644))).toEqual([
    ['loose-file-mode', 'api.agent_secret_key'],
    ['loose-file-mode', 'targets[0].token'],
  ]);
  expect(warningsOf(file('private.toml', inline, 0o600))).toEqual([]);
  const elsewhere = withToken(`{ file = "${file('t', 'x')}" }`);
  expect(warningsOf(file('pointing.toml', elsewhere, 0o644))).toEqual([]);
});

test('a file that others can change is warned about', () => {
  expect(warningsOf(file('writable.toml', withToken('"t"'), 0o620))).toEqual([['writable-file', '']]);
});

test.each<[what: string, make: () => string, complaint: string]>([
  [
    'no file',
    () => join(home, 'absent.toml'),
    'there is no such file; make one with: dc-agent setup token, or name another with --config',
  ],
  ['a directory', () => home, 'is not a regular file'],
  ['a path through a file', () => join(file('plain', ''), 'a.toml'), 'cannot be opened (ENOTDIR)'],
  ['too large a file', () => file('large.toml', Buffer.alloc((1 << 20) + 1, '#')), 'is larger than 1048576 bytes'],
])('a configuration that cannot be read is told as a whole: %s', (_what, make, complaint) => {
  const path = make();
  expect(refusal(() => loadConfig(path, options)).message).toBe(`${path}: ${complaint}`);
});

test.skipIf(process.getuid?.() === 0)('a configuration that this user may not read says who may', () => {
  const path = file('closed.toml', MINIMAL, 0o000);
  expect(refusal(() => loadConfig(path, options)).message).toBe(
    `${path}: cannot be opened (EACCES); run the command as the user of the service, or as root`,
  );
});

test('bytes that are not UTF-8 are told with their place', () => {
  const latin = Buffer.from(`${MINIMAL}# müßig\n`, 'latin1');
  const path = file('latin.toml', latin);
  const complaint = 'is not UTF-8 text; save the file in the encoding UTF-8';
  expect(refusal(() => loadConfig(path, options)).message).toBe(`${path}:9:4: ${complaint}`);
  const utf16 = file('utf16.toml', Buffer.from(`\uFEFF${MINIMAL}`, 'utf16le'));
  expect(refusal(() => loadConfig(utf16, options)).message).toBe(`${utf16}:1:1: ${complaint}`);
});

test('a file with a byte order mark is read', () => {
  mkdirSync(join(home, 'bom'));
  expect(loadConfig(file('bom/a.toml', `\uFEFF${MINIMAL}`), options).api.providerPubkey).toBe(PUBKEY);
});
