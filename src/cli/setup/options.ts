import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { isHttpUrl } from '../../provisioner/settings.ts';
import { type Args, flag, text, texts } from '../command.ts';
import { EXIT } from '../exit.ts';
import { Failure } from '../failure.ts';
import type { Io } from '../io.ts';
import { LOCATIONS, type Location } from './location.ts';
import { readSettings, readToken, type SettingValue, type SetupPlan } from './plan.ts';

/** What every command that sets up a backend takes. */
export interface SetupOptions {
  readonly dryRun: boolean;
  readonly yes: boolean;
  readonly service: boolean;
  readonly testProvision: boolean;
  readonly settings: Readonly<Record<string, SettingValue>>;
  readonly token?: string;
  readonly providerPubkey?: string;
  readonly platformUrl: string;
  readonly location?: Location;
  readonly output: string;
  readonly target: string;
  readonly keyDir: string;
  readonly stateDir?: string;
}

/** The failures of one command's command line. */
export interface Usage {
  failure(what: string, details?: readonly string[]): Failure;
  /** Throws one unless the value is of the form. */
  matched(option: string, value: string, pattern: RegExp, expected: string): string;
}

export function usageOf(command: SetupPlan['command']): Usage {
  const failure: Usage['failure'] = (what, details) =>
    new Failure({
      what,
      ...(details === undefined ? {} : { details }),
      next: 'See the options:',
      command: `dc-agent ${command} --help`,
      exit: EXIT.usage,
    });
  return {
    failure,
    matched(option, value, pattern, expected) {
      if (pattern.test(value)) return value;
      throw failure(`${option} takes ${expected}`);
    },
  };
}

/** An option's value without the blanks around it; undefined when there is none. */
export function trimmed(args: Args, name: string): string | undefined {
  return text(args, name)?.trim() || undefined;
}

/** Throws Failure with exit code 2. `target`: what the target is called unless the operator says so. */
export async function readSetupOptions(
  args: Args,
  io: Io,
  { command, target }: { readonly command: SetupPlan['command']; readonly target: string },
): Promise<SetupOptions> {
  const { failure, matched } = usageOf(command);
  const one = (name: string): string | undefined => trimmed(args, name);
  const stateDir = one('stateDir');
  const token = await readToken(one('token') ?? io.env['DC_SETUP_TOKEN'], io);
  const pubkey = one('providerPubkey')?.toLowerCase();
  if (pubkey !== undefined && !/^[0-9a-f]{64}$/.test(pubkey)) {
    throw failure('--provider-pubkey takes 64 hexadecimal digits');
  }
  const platformUrl = (one('platformUrl') ?? 'https://api.decent-cloud.org').replace(/\/+$/, '');
  if (!isHttpUrl(platformUrl)) throw failure('--platform-url takes an https:// URL');
  const stated = one('location');
  const location = LOCATIONS.find((each) => each === stated);
  if (stated !== undefined && location === undefined) {
    throw failure(`--location takes one of ${LOCATIONS.join(', ')}`);
  }
  return {
    dryRun: flag(args, 'dryRun'),
    yes: flag(args, 'yes'),
    service: args.options['service'] !== false,
    testProvision: flag(args, 'testProvision'),
    settings: readSettings(texts(args, 'set')),
    ...(token === undefined ? {} : { token }),
    ...(pubkey === undefined ? {} : { providerPubkey: pubkey }),
    platformUrl,
    ...(location === undefined ? {} : { location }),
    output: resolve(one('output') ?? args.config),
    target: matched('--target', one('target') ?? target, /^[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?$/, 'a name'),
    keyDir: resolve(one('keyDir') ?? join(io.env['HOME'] || homedir(), '.dc-agent')),
    ...(stateDir === undefined ? {} : { stateDir: resolve(stateDir) }),
  };
}
