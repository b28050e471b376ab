import { isUtf8 } from 'node:buffer';
import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';
import { parse, TomlError } from 'smol-toml';
import { type KeyLocator, locateKeys } from './locate.ts';
import { isTable, type Table } from './tables.ts';
import { ConfigError, type ConfigProblem } from './types.ts';

export interface Document {
  readonly content: Table;
  readonly locator: KeyLocator;
}

const MAX_FILE_BYTES = 1 << 20;

/** The text of the file, and its mode. Throws ConfigError. */
export function readConfigFile(file: string): { text: string; mode: number } {
  const fail = (what: Omit<ConfigProblem, 'file' | 'path' | 'line' | 'column'>): never => {
    throw refusal(file, what);
  };
  let descriptor: number;
  try {
    // Not blocking: a named pipe must not hold up the start.
    descriptor = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
    if (code === 'ENOENT') {
      return fail({
        message: 'there is no such file',
        suggestion: 'make one with: dc-agent setup token, or name another with --config',
      });
    }
    const suggestion = 'run the command as the user of the service, or as root';
    return fail({ message: `cannot be opened (${code})`, ...(code === 'EACCES' ? { suggestion } : {}) });
  }
  try {
    const { size, mode } = fstatSync(descriptor);
    if ((mode & constants.S_IFMT) !== constants.S_IFREG) return fail({ message: 'is not a regular file' });
    if (size > MAX_FILE_BYTES) return fail({ message: `is larger than ${MAX_FILE_BYTES} bytes` });
    return { text: decode(readFileSync(descriptor), file), mode };
  } finally {
    closeSync(descriptor);
  }
}

function decode(bytes: Buffer, file: string): string {
  if (isUtf8(bytes)) return bytes.toString('utf8');
  const lines = bytes.toString('utf8').split('\n');
  const line = lines.findIndex((text) => text.includes('\uFFFD'));
  const column = lines[line]?.replace(/^\uFEFF/, '').indexOf('\uFFFD') ?? 0;
  throw refusal(file, {
    line: line + 1,
    column: column + 1,
    message: 'is not UTF-8 text',
    suggestion: 'save the file in the encoding UTF-8',
  });
}

/** Throws ConfigError when the text is not TOML, or TOML that no configuration needs. */
export function parseDocument(written: string, file: string): Document {
  // Editors do not count the byte order mark as a column, and neither do we.
  const text = written.replace(/^\uFEFF/, '');
  const content = parseToml(text, file);
  const locator = locateKeys(text);
  for (const [key, value] of Object.entries(content)) {
    if (!isDeeperThan(value, MAX_DEPTH)) continue;
    throw refusal(file, { ...locator.nearest([key]), message: `holds tables or lists more than ${MAX_DEPTH} deep` });
  }
  return { content, locator };
}

/** Ours are 4 deep. The limit keeps whoever walks through the values from running out of stack. */
const MAX_DEPTH = 32;

/** The parser's own message quotes the lines around the error, and with them any secret in those lines; so only its first line is kept, and no cause. */
function parseToml(text: string, file: string): Table {
  try {
    return parse(text, { maxDepth: MAX_DEPTH, unsafeKeyBehaviour: 'throw' });
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const { line, column } = error;
    const message = error.message.split('\n', 1)[0]?.replace('Invalid TOML document: ', '') ?? '';
    const hint = HINTS.find(([start]) => message.startsWith(start))?.[1];
    throw refusal(file, { line, column, message: `is not TOML: ${message}`, ...(hint && { suggestion: hint }) });
  }
}

/** What to do about the commonest of the parser's complaints, by how they begin. */
const HINTS: readonly (readonly [start: string, hint: string])[] = [
  ['invalid value', 'a text needs quotes'],
  ['trying to redefine', 'a key or table may stand in the file once: remove one of the two'],
  ['document contains an unsafe property', 'no key is called __proto__ or constructor'],
  ['unrecognised escape sequence', 'write \\\\ for a backslash, or the text in single quotes'],
];

function isDeeperThan(value: unknown, limit: number): boolean {
  let level = [value];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > limit) return true;
    level = level.flatMap((item) => (Array.isArray(item) ? item : isTable(item) ? Object.values(item) : []));
  }
  return false;
}

function refusal(file: string, problem: Partial<ConfigProblem> & { message: string }): ConfigError {
  return new ConfigError([{ file, line: 0, column: 0, path: '', ...problem }]);
}
