import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { type Administrator, COMMENT } from '../../../../provisioners/proxmox/setup/index.ts';
import { Secret } from '../../../ports/secret.ts';
import { registerSecret } from '../../../telemetry/secrets.ts';
import { Failure } from '../../failure.ts';
import type { Io } from '../../io.ts';
import type { Asker } from '../ask.ts';
import type { SetupHost } from '../host.ts';
import { mustRun } from './host.ts';
import { type ProxmoxOptions, usage } from './options.ts';

export interface Login {
  readonly who: Administrator;
  /** Takes back what was made for it. */
  end(): Promise<void>;
}

type LoginOptions = Pick<
  ProxmoxOptions,
  'login' | 'passwordFile' | 'adminTokenId' | 'adminTokenFile' | 'apiUrl' | 'dryRun'
>;

/** The options that name an administrator, for whoever has to say that none was named. */
export const LOGIN_OPTIONS = '--password-file <file>, or --admin-token-id <id> with --admin-token-file <file>';

/** True when an administrator was named, by options or environment. */
export function isLoginGiven(options: LoginOptions, { env }: Pick<Io, 'env'>): boolean {
  const { passwordFile, adminTokenId } = options;
  return (passwordFile ?? adminTokenId ?? env['DC_PROXMOX_PASSWORD']) !== undefined;
}

/**
 * Who sets the cluster up. On the host itself root needs no password: he makes himself a token for two hours, which is removed at the
 * end. Secrets come from files, the environment or a prompt, never from the command line, where every user of the host could read them.
 */
export async function chooseLogin(
  options: LoginOptions,
  place: 'the host' | 'elsewhere',
  io: Io,
  host: SetupHost,
  ask: Asker | undefined,
): Promise<Login> {
  const { login: user, adminTokenId: id, passwordFile, adminTokenFile } = options;
  if (id !== undefined) {
    const secret = await secretFrom(adminTokenFile, io.env['DC_PROXMOX_TOKEN_SECRET'], io);
    if (secret === undefined) throw usage('--admin-token-id needs --admin-token-file, or DC_PROXMOX_TOKEN_SECRET');
    return { who: { how: 'token', id, secret }, end: async () => {} };
  }
  const password = await secretFrom(passwordFile, io.env['DC_PROXMOX_PASSWORD'], io);
  // A dry run changes nothing, and a token would be a change.
  if (password === undefined && place === 'the host' && !options.dryRun) return ownToken(host, io);
  const answer = password ?? (ask === undefined ? undefined : known(await ask.secret(`Password of ${user}`)));
  if (answer === undefined) throw usage(`who sets the cluster up is not said: give ${LOGIN_OPTIONS}`);
  return { who: { how: 'password', user, password: answer }, end: async () => {} };
}

const token = z.object({ 'full-tokenid': z.string(), value: z.string().min(1) });
const LIFE_SECONDS = 2 * 3600;

async function ownToken(host: SetupHost, io: Io): Promise<Login> {
  const path = `/access/users/root@pam/token/dc-setup-${randomBytes(4).toString('hex')}`;
  const expire = Math.floor(Date.now() / 1000) + LIFE_SECONDS;
  const options = ['--privsep', '0', '--expire', String(expire), '--comment', COMMENT, '--output-format', 'json'];
  const printed = await mustRun(host, ['pvesh', 'create', path, ...options]);
  const parsed = token.safeParse(parseJson(printed));
  const end = async (): Promise<void> => {
    const { code } = await host.run(['pvesh', 'delete', path]);
    if (code !== 0)
      io.err(`warning: the setup’s own token could not be removed (${path}); it ends by itself within two hours.`);
  };
  if (!parsed.success) {
    await end();
    throw new Failure({ what: 'pvesh made a token and did not tell its secret', cause: parsed.error });
  }
  const { 'full-tokenid': id, value } = parsed.data;
  return { who: { how: 'token', id, secret: known(value) }, end };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // What was printed may hold the secret, so it is not kept as a cause; the schema says what is missing.
    return undefined;
  }
}

async function secretFrom(
  file: string | undefined,
  environment: string | undefined,
  io: Io,
): Promise<Secret | undefined> {
  if (file === undefined) return environment === undefined || environment === '' ? undefined : known(environment);
  const text = file === '-' ? await io.input() : await readFile(file, 'utf8').catch(unreadable(file));
  const line = text.replace(/\r?\n$/, '');
  if (line === '') throw new Failure({ what: `${file === '-' ? 'standard input' : file} is empty` });
  return known(line);
}

function unreadable(file: string) {
  return (cause: unknown): never => {
    throw new Failure({ what: `${file} cannot be read`, cause });
  };
}

function known(text: string): Secret {
  registerSecret(text);
  return new Secret(text);
}
