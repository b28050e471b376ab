import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { parse } from 'smol-toml';
import { closest } from '../../config/suggest.ts';
import { isHttpUrl } from '../../provisioner/settings.ts';
import { registerSecret } from '../../telemetry/secrets.ts';
import { type Args, flag, text, texts } from '../command.ts';
import { EXIT } from '../exit.ts';
import { Failure } from '../failure.ts';
import type { Io } from '../io.ts';

/** What `setup token` is to do, with every choice made. */
export interface SetupPlan {
  readonly endpoint: string;
  /** The one-time token; absent when a lost registration is only to be finished. */
  readonly token?: string;
  readonly providerPubkey?: string;
  readonly output: string;
  readonly replace: boolean;
  readonly keyDir: string;
  readonly stateDir?: string;
  readonly provisioner: string;
  readonly target?: string;
  readonly settings: Readonly<Record<string, SettingValue>>;
  /** The command that this plan is of, as advice names it. */
  readonly command: 'setup token' | 'setup proxmox' | 'setup hetzner';
}

export type SettingValue = string | number | boolean | SettingValue[] | { [key: string]: SettingValue };

/** Reads the command line. Everything that is wrong with it is found here, before anything is written or sent. */
export async function planSetup(args: Args, io: Io, types: readonly string[]): Promise<SetupPlan> {
  const endpoint = (text(args, 'apiUrl') ?? '').replace(/\/+$/, '');
  if (!isHttpUrl(endpoint)) throw usage('--api-url takes an http:// or https:// URL');
  const providerPubkey = text(args, 'providerPubkey')?.trim().toLowerCase();
  if (providerPubkey !== undefined && !/^[0-9a-f]{64}$/.test(providerPubkey)) {
    throw usage('--provider-pubkey takes 64 hexadecimal digits');
  }
  const token = await readToken(text(args, 'token'), io);
  if (token === undefined && providerPubkey === undefined) {
    throw usage('--token is missing', 'Make a token on the pool’s page, then:', `${EXAMPLE} --provisioner <type>`);
  }
  const stateDir = text(args, 'stateDir');
  const target = text(args, 'target');
  return {
    endpoint,
    output: resolve(text(args, 'output') ?? args.config),
    replace: flag(args, 'force'),
    keyDir: resolve(text(args, 'keyDir') ?? join(io.env['HOME'] || homedir(), '.dc-agent')),
    provisioner: chooseProvisioner(text(args, 'provisioner'), types),
    settings: readSettings(texts(args, 'set')),
    command: 'setup token',
    ...(token === undefined ? {} : { token }),
    ...(providerPubkey === undefined ? {} : { providerPubkey }),
    ...(stateDir === undefined ? {} : { stateDir: resolve(stateDir) }),
    ...(target === undefined ? {} : { target }),
  };
}

const EXAMPLE = 'dc-agent setup token --token <token>';

/** A setup token as the command line gives it; `-` reads standard input. Known to the redaction from here on. */
export async function readToken(given: string | undefined, io: Io): Promise<string | undefined> {
  const token = (given === '-' ? await io.input() : given)?.trim();
  if (token === undefined) return undefined;
  registerSecret(token);
  // Not checked against the platform's pattern, which is the platform's to change; but a whole file is no token.
  if (/^[\x21-\x7e]{8,200}$/.test(token)) return token;
  throw usage('--token takes the token as the pool’s page shows it, one word');
}

function chooseProvisioner(given: string | undefined, types: readonly string[]): string {
  if (given !== undefined && types.includes(given)) return given;
  const list = `Provisioners of this agent: ${types.join(', ')}`;
  const near = given === undefined ? undefined : closest(given, types);
  const what = given === undefined ? '--provisioner is missing' : `there is no provisioner ${given}`;
  throw new Failure({
    what,
    details: [near === undefined ? list : `Did you mean ${near}?`, ...(near === undefined ? [] : [list])],
    next: 'Name the backend that the first target drives:',
    command: `${EXAMPLE} --provisioner ${near ?? types[0] ?? '<type>'}`,
    exit: EXIT.usage,
  });
}

/** The values of `--set`. */
export function readSettings(given: readonly string[]): Record<string, SettingValue> {
  const settings: Record<string, SettingValue> = {};
  for (const assignment of given) {
    const [, key, value] = /^([A-Za-z0-9_-]+)=(.*)$/s.exec(assignment) ?? [];
    // The assignment itself is not shown: it may hold a secret.
    if (key === undefined || value === undefined) throw usage('--set takes key=value');
    if (/[\r\n]/.test(value)) throw usage(`--set ${key}: a value is one line`);
    settings[key] = value.startsWith('@') ? { file: resolve(value.slice(1)) } : readValue(value);
  }
  return settings;
}

/** Written as in TOML it is taken so (numbers, true, "text", [lists]); anything else is a text as it stands. */
function readValue(value: string): SettingValue {
  try {
    const parsed: unknown = parse(`v = ${value}`)['v'];
    return isSetting(parsed) ? parsed : value;
  } catch {
    return value;
  }
}

function isSetting(value: unknown): value is SettingValue {
  if (Array.isArray(value)) return value.every(isSetting);
  if (typeof value === 'object' && value !== null) {
    // Dates are objects too, and no setting of ours.
    return !(value instanceof Date) && Object.values(value).every(isSetting);
  }
  return ['string', 'number', 'boolean'].includes(typeof value);
}

function usage(what: string, next?: string, command?: string): Failure {
  return new Failure({
    what,
    next: next ?? 'See the options:',
    command: command ?? 'dc-agent setup token --help',
    exit: EXIT.usage,
  });
}
