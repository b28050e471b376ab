import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import { z } from 'zod';
import { Secret } from '../ports/secret.ts';

const SECRET_FORMS = 'a text, { file = "/path" } or { credential = "name" }';

/**
 * A setting that must stay secret: a text, `{ file = "/path" }` or `{ credential = "name" }` (a systemd credential).
 * Yields a Secret; line ends around a file's content are dropped. A file is refused when anybody but its owner may touch it,
 * or when its owner is neither this process's user nor root. No error shows the value.
 * Files are read while the settings are parsed, so `parse` touches the disk; it stays synchronous.
 * `example` is what the example file shows; left out, it shows a placeholder.
 */
export function secret(description: string, example?: string) {
  return secretSource(example)
    .transform(({ secret }) => secret)
    .meta({ description, writeOnly: true });
}

/** The same for a setting whose text may also be something else than the secret itself: `from` tells which form was used. */
export function secretSource(example?: string) {
  const text = example === undefined ? z.string() : z.string().meta({ examples: [example] });
  return z
    .union([text, z.strictObject({ file: z.string() }), z.strictObject({ credential: z.string() })], {
      error: `expected ${SECRET_FORMS}`,
    })
    .transform((source, ctx): { secret: Secret; from: 'text' | 'elsewhere' } => {
      const text = read(source);
      if (text.ok) return { secret: new Secret(text.value), from: typeof source === 'string' ? 'text' : 'elsewhere' };
      ctx.addIssue({ code: 'custom', message: text.problem });
      return z.NEVER;
    });
}

/** An http or https URL without credentials, query or fragment; the trailing slash is dropped. */
export function httpUrl(description: string) {
  return z
    .string()
    .refine((text) => isHttpUrl(text), {
      error: 'expected an http:// or https:// URL without user name, password, query or fragment',
    })
    .overwrite((text) => text.replace(/\/+$/, ''))
    .meta({ description, format: 'uri' });
}

/** A path that means the same wherever the agent is started from. */
export function absolutePath(description: string) {
  return z
    .string()
    .refine((text) => isAbsolute(text) && !text.includes('\0'), { error: 'expected an absolute path' })
    .describe(description);
}

/** A name that every Linux takes for a user. */
export function userName() {
  return z.string().regex(/^[a-z_][a-z0-9_-]{0,31}$/, {
    error: 'expected the name of a Linux user: lower-case letters, digits, _ and -',
  });
}

export function isHttpUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const url = new URL(text);
  const web = url.protocol === 'https:' || url.protocol === 'http:';
  return web && url.username === '' && url.password === '' && !/[?#\s]/.test(text) && /^https?:\/\//i.test(text);
}

let environment: NodeJS.ProcessEnv = process.env;

/** Runs `parse` with credentials looked up through `env` instead of the process's own environment. */
export function withEnvironment<T>(env: NodeJS.ProcessEnv, parse: () => T): T {
  const before = environment;
  environment = env;
  try {
    return parse();
  } finally {
    environment = before;
  }
}

type SecretSource = string | { file: string } | { credential: string };
type Read = { ok: true; value: string } | { ok: false; problem: string };

const failed = (problem: string): Read => ({ ok: false, problem });

function read(source: SecretSource): Read {
  if (typeof source === 'string') return source.trim() === '' ? failed('is empty') : { ok: true, value: source };
  if ('file' in source) return readSecretFile(source.file);
  return readCredential(source.credential);
}

function readSecretFile(path: string): Read {
  if (!isAbsolute(path) || path.includes('\0')) return failed('the file of a secret needs an absolute path');
  return readText(path, (stat) => {
    const user = process.getuid?.();
    if (stat.uid !== 0 && stat.uid !== user) return 'the file belongs to another user; it must be ours or root’s';
    if ((stat.mode & 0o077) !== 0) {
      return `the file can be reached by group or others (mode ${octal(stat.mode)}); run: chmod 600 on it`;
    }
    return undefined;
  });
}

/** systemd guards its credentials itself: they show group rights where an ACL admits only the service's user. */
function readCredential(name: string): Read {
  if (!/^[A-Za-z0-9_][A-Za-z0-9._:@-]*$/.test(name)) return failed('the name of the credential is not one');
  const directory = environment.CREDENTIALS_DIRECTORY;
  if (directory === undefined || directory === '') {
    return failed(
      'needs a systemd credential, and CREDENTIALS_DIRECTORY is not set; see LoadCredential= in systemd.exec',
    );
  }
  return readText(join(directory, name), () => undefined);
}

const MAX_SECRET_BYTES = 65_536;

function readText(path: string, objection: (stat: { uid: number; mode: number }) => string | undefined): Read {
  let descriptor: number;
  try {
    // Not blocking: a named pipe must not hold up the start.
    descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    return failed(`the file cannot be opened (${errorCode(error)})`);
  }
  try {
    const stat = fstatSync(descriptor);
    if (!stat.isFile()) return failed('the file is not a regular file');
    const problem = objection(stat);
    if (problem !== undefined) return failed(problem);
    if (stat.size > MAX_SECRET_BYTES) return failed(`the file is larger than ${MAX_SECRET_BYTES} bytes`);
    const value = readAll(descriptor, MAX_SECRET_BYTES).toString('utf8').trim();
    return value === '' ? failed('the file is empty') : { ok: true, value };
  } catch (error) {
    return failed(`the file cannot be read (${errorCode(error)})`);
  } finally {
    closeSync(descriptor);
  }
}

function readAll(descriptor: number, limit: number): Buffer {
  const buffer = Buffer.alloc(limit);
  let length = 0;
  for (;;) {
    const count = readSync(descriptor, buffer, length, limit - length, null);
    length += count;
    if (count === 0 || length === limit) return buffer.subarray(0, length);
  }
}

function octal(mode: number): string {
  return (mode & 0o777).toString(8).padStart(4, '0');
}

function errorCode(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
}
