import { readFile, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { HetznerSettings } from '../../../../provisioners/hetzner/setup/index.ts';
import { Secret } from '../../../ports/secret.ts';
import { registerSecret } from '../../../telemetry/secrets.ts';
import { Failure } from '../../failure.ts';
import type { Io } from '../../io.ts';
import { writeWhole } from '../store.ts';
import { type HetznerOptions, usage } from './options.ts';
import type { SetupRecord } from './record.ts';

/** Where the API token lies. The configuration names the file, so that it can be shown around. */
export function tokenFileOf({ output, target }: Pick<HetznerOptions, 'output' | 'target'>): string {
  return join(dirname(output), `${target}.secret`);
}

/** On disk before anything relies on it. The record comes first: a file that nobody knows of would stay behind. */
export async function keepToken(file: string, token: Secret, record: SetupRecord): Promise<void> {
  await record.note({ tokenFile: file });
  await writeWhole(file, `${token.reveal()}\n`);
}

export async function dropToken(file: string): Promise<void> {
  await rm(file, { force: true });
}

/**
 * The API token: what the operator gives now, else of the configuration, else of a set-up that did not come to its end. Undefined when
 * there is none. Never from the command line, where every user of this host could read it.
 */
export async function findToken(
  options: HetznerOptions,
  earlier: HetznerSettings | undefined,
  record: SetupRecord,
  io: Io,
): Promise<Secret | undefined> {
  const { apiTokenFile } = options;
  if (apiTokenFile !== undefined) return checked(apiTokenFile === '-' ? await io.input() : await given(apiTokenFile));
  const environment = io.env['DC_HETZNER_TOKEN'];
  if (environment !== undefined && environment !== '') return checked(environment);
  if (earlier !== undefined) return earlier.token;
  const noted = record.present?.tokenFile;
  const stored = noted === undefined ? undefined : await readStored(noted);
  return stored === undefined ? undefined : checked(stored);
}

/** Known to the redaction from here on. */
export function checked(text: string): Secret {
  const token = text.trim();
  registerSecret(token);
  // Not held against the length of today’s tokens, which is Hetzner’s to change; but a whole file is no token.
  if (/^[\x21-\x7e]{16,256}$/.test(token)) return new Secret(token);
  throw usage('the API token is one word, as the Hetzner console shows it once');
}

async function given(file: string): Promise<string> {
  return readFile(file, 'utf8').catch((cause: unknown) => {
    throw new Failure({ what: `--api-token-file ${file} cannot be read`, cause });
  });
}

async function readStored(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}
