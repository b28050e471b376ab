import { FIREWALL_POLICIES, type FirewallPolicy } from '../../../../provisioners/hetzner/setup/index.ts';
import { isHttpUrl } from '../../../provisioner/settings.ts';
import { type Args, flag, texts } from '../../command.ts';
import type { Io } from '../../io.ts';
import type { TargetPlace } from '../config-text.ts';
import { readSetupOptions, type SetupOptions, trimmed, usageOf } from '../options.ts';

/** The command line, read and checked, before anything is asked, sent or written. */
export interface HetznerOptions extends SetupOptions {
  readonly does: 'set up' | 'undo';
  /** `-` is standard input. */
  readonly apiTokenFile?: string;
  readonly endpoint?: string;
  /** Empty = none were named. */
  readonly locations: readonly string[];
  readonly types: readonly string[];
  readonly offerings: readonly string[];
  readonly image?: string;
  readonly ipv4?: 'own' | 'none';
  readonly firewall?: { readonly name: string } | 'none';
  readonly policy?: FirewallPolicy;
  readonly maxServers?: number;
  readonly suspend?: 'poweroff' | 'snapshot';
  /** The project may hold servers of others. */
  readonly shared: boolean;
}

const COMMAND = 'setup hetzner';
const { failure: usage, matched } = usageOf(COMMAND);

export { usage };

export const DEFAULT_ENDPOINT = 'https://api.hetzner.cloud/v1';

export function placeOf({ target }: Pick<SetupOptions, 'target'>): TargetPlace {
  return { name: target, type: 'hetzner', command: COMMAND };
}

/** Throws Failure with exit code 2. */
export async function readOptions(args: Args, io: Io): Promise<HetznerOptions> {
  const one = (name: string): string | undefined => trimmed(args, name);
  const stdin = ['apiTokenFile', 'token'].filter((name) => one(name) === '-');
  if (stdin.length > 1) throw usage('--api-token-file - and --token - cannot both read standard input');
  const common = await readSetupOptions(args, io, { command: COMMAND, target: 'hcloud' });
  if (common.target === 'hetzner') {
    throw usage(
      '--target takes another name than hetzner: by that word offerings mean servers that the platform makes itself',
    );
  }
  const [apiTokenFile, endpoint, image] = [one('apiTokenFile'), one('endpoint'), one('image')];
  if (endpoint !== undefined && !isHttpUrl(endpoint)) throw usage('--endpoint takes an https:// URL');
  const ipv4 = oneOf('--ipv4', one('ipv4'), ['own', 'none'] as const);
  const policy = oneOf('--firewall-policy', one('firewallPolicy'), FIREWALL_POLICIES);
  const suspend = oneOf('--suspend', one('suspend'), ['poweroff', 'snapshot'] as const);
  const maxServers = readMax(one('maxServers'));
  return {
    ...common,
    does: flag(args, 'undo') ? 'undo' : 'set up',
    ...(apiTokenFile === undefined ? {} : { apiTokenFile }),
    ...(endpoint === undefined ? {} : { endpoint: endpoint.replace(/\/+$/, '') }),
    locations: listed(texts(args, 'in')),
    types: listed(texts(args, 'type')),
    offerings: listed(texts(args, 'offering')),
    ...(image === undefined ? {} : { image }),
    ...(ipv4 === undefined ? {} : { ipv4 }),
    ...readFirewall(one('firewall')),
    ...(policy === undefined ? {} : { policy }),
    ...(maxServers === undefined ? {} : { maxServers }),
    ...(suspend === undefined ? {} : { suspend }),
    shared: flag(args, 'sharedProject'),
  };
}

/** Also several in one word: `fsn1,nbg1`. */
export function listed(given: readonly string[]): readonly string[] {
  return [...new Set(given.flatMap((text) => text.split(/[\s,]+/)).filter((name) => name !== ''))];
}

function oneOf<Name extends string>(
  option: string,
  value: string | undefined,
  names: readonly Name[],
): Name | undefined {
  const found = names.find((name) => name === value);
  if (value === undefined || found !== undefined) return found;
  throw usage(`${option} takes ${names.slice(0, -1).join(', ')} or ${names.at(-1) ?? ''}`);
}

function readFirewall(name: string | undefined): Pick<HetznerOptions, 'firewall'> {
  if (name === undefined) return {};
  if (name === 'none') return { firewall: 'none' };
  return {
    firewall: { name: matched('--firewall', name, /^(?=.*[a-z])[a-z0-9][a-z0-9._-]{0,62}$/, 'a name in lower case') },
  };
}

function readMax(value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  const count = Number(value);
  if (Number.isInteger(count) && count >= 1 && count <= 10_000) return count;
  throw usage('--max-servers takes a number from 1 to 10000');
}
