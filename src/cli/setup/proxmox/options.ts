import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import {
  type GuestAgent,
  IMAGES,
  type Image,
  ownImage,
  parseFingerprint,
} from '../../../../provisioners/proxmox/setup/index.ts';
import { isHttpUrl } from '../../../provisioner/settings.ts';
import { type Args, flag, text, texts } from '../../command.ts';
import { EXIT } from '../../exit.ts';
import { Failure } from '../../failure.ts';
import type { Io } from '../../io.ts';
import { readSettings, readToken, type SettingValue } from '../plan.ts';

/** The command line, read and checked, before anything is asked, sent or written. */
export interface ProxmoxOptions {
  readonly does: 'set up' | 'undo' | 'repin';
  readonly dryRun: boolean;
  readonly yes: boolean;
  readonly service: boolean;
  readonly testProvision: boolean;
  readonly apiUrl?: string;
  readonly login: string;
  /** `-` is standard input. */
  readonly passwordFile?: string;
  readonly adminTokenId?: string;
  readonly adminTokenFile?: string;
  readonly fingerprint?: string;
  readonly caFile?: string;
  readonly node?: string;
  readonly storage?: string;
  readonly bridge?: string;
  readonly pool: string;
  readonly role: string;
  readonly user: string;
  /** Empty = none were named. */
  readonly images: readonly Image[];
  readonly imageStorage?: string;
  readonly agent?: GuestAgent;
  readonly template?: number;
  /** As the setting `address` of the target. */
  readonly address?: SettingValue;
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

const LOCATIONS = ['europe', 'na', 'latam', 'apac', 'mena', 'ssa', 'cis'] as const;
export type Location = (typeof LOCATIONS)[number];

/** Throws Failure with exit code 2. */
export async function readOptions(args: Args, io: Io): Promise<ProxmoxOptions> {
  const one = (name: string): string | undefined => text(args, name)?.trim() || undefined;
  const given = <Key extends string>(key: Key, value: string | undefined) =>
    (value === undefined ? {} : { [key]: value }) as Partial<Record<Key, string>>;
  const stdin = ['passwordFile', 'token'].filter((name) => one(name) === '-');
  if (stdin.length > 1) throw usage('--password-file - and --token - cannot both read standard input');
  const stateDir = one('stateDir');
  const caFile = one('caFile');
  const token = await readToken(one('token') ?? io.env['DC_SETUP_TOKEN'], io);
  return {
    does: flag(args, 'undo') ? 'undo' : flag(args, 'repin') ? 'repin' : 'set up',
    dryRun: flag(args, 'dryRun'),
    yes: flag(args, 'yes'),
    service: args.options['service'] !== false,
    testProvision: flag(args, 'testProvision'),
    ...url('apiUrl', '--api-url', one('apiUrl')),
    login: matched('--login', one('login') ?? 'root@pam', /^[^\s@:/]+@[A-Za-z0-9._-]+$/, 'user@realm'),
    ...given('passwordFile', one('passwordFile')),
    ...given('adminTokenId', one('adminTokenId')),
    ...given('adminTokenFile', one('adminTokenFile')),
    ...given('fingerprint', readFingerprint(one('fingerprint'))),
    ...given('caFile', caFile === undefined ? undefined : resolve(caFile)),
    ...given('node', one('node')),
    ...given('storage', one('storage')),
    ...given('bridge', one('bridge')),
    pool: matched('--pool', one('pool') ?? 'dc-agent', /^[A-Za-z0-9][A-Za-z0-9._-]*$/, 'the name of a pool'),
    role: matched('--role', one('role') ?? 'DcAgent', /^[A-Za-z0-9._-]+$/, 'the name of a role'),
    user: matched('--user', one('user') ?? 'dc-agent@pve', /^[^\s!@:/]+@[A-Za-z0-9._-]+$/, 'user@realm'),
    images: readImages(texts(args, 'image'), one('imageUrl'), one('imageChecksum'), one('imageName')),
    ...given('imageStorage', one('imageStorage')),
    ...readAgent(one('guestAgent')),
    ...readTemplate(one('template')),
    ...readAddress(one('addresses'), one('addressFirst'), one('addressLast'), one('gateway')),
    settings: readSettings(texts(args, 'set')),
    ...given('token', token),
    ...given('providerPubkey', readPubkey(one('providerPubkey'))),
    platformUrl: 'https://api.decent-cloud.org',
    ...url('platformUrl', '--platform-url', one('platformUrl')),
    ...readLocation(one('location')),
    output: resolve(one('output') ?? args.config),
    target: matched('--target', one('target') ?? 'proxmox', /^[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?$/, 'a name'),
    keyDir: resolve(one('keyDir') ?? join(io.env['HOME'] || homedir(), '.dc-agent')),
    ...given('stateDir', stateDir === undefined ? undefined : resolve(stateDir)),
  };
}

/** A failure of the command line itself. */
export function usage(what: string, details?: readonly string[]): Failure {
  return new Failure({
    what,
    ...(details === undefined ? {} : { details }),
    next: 'See the options:',
    command: 'dc-agent setup proxmox --help',
    exit: EXIT.usage,
  });
}

function matched(option: string, value: string, pattern: RegExp, expected: string): string {
  if (pattern.test(value)) return value;
  throw usage(`${option} takes ${expected}`);
}

function url<Key extends string>(key: Key, option: string, value: string | undefined): Partial<Record<Key, string>> {
  if (value === undefined) return {};
  if (!isHttpUrl(value)) throw usage(`${option} takes an https:// URL`);
  const plain = value.replace(/\/+$/, '').replace(/\/api2(?:\/json)?$/, '');
  return { [key]: plain } as Partial<Record<Key, string>>;
}

function readFingerprint(value: string | undefined): string | undefined {
  if (value === undefined) return undefined;
  const fingerprint = parseFingerprint(value);
  if (fingerprint === undefined) throw usage('--fingerprint takes a SHA-256 fingerprint: 64 hexadecimal digits');
  return fingerprint;
}

function readPubkey(value: string | undefined): string | undefined {
  const hex = value?.toLowerCase();
  if (hex === undefined || /^[0-9a-f]{64}$/.test(hex)) return hex;
  throw usage('--provider-pubkey takes 64 hexadecimal digits');
}

function readImages(
  ids: readonly string[],
  address: string | undefined,
  checksum: string | undefined,
  name: string | undefined,
): Image[] {
  const images = ids.map((id) => {
    const found = IMAGES.find((image) => image.id === id);
    if (found === undefined) throw usage(`--image knows ${IMAGES.map((image) => image.id).join(', ')}; not ${id}`);
    return found;
  });
  if (address === undefined && checksum === undefined) return [...new Set(images)];
  if (address === undefined || checksum === undefined) throw usage('--image-url and --image-checksum go together');
  if (!isHttpUrl(address)) throw usage('--image-url takes an http:// or https:// URL');
  if (!/^[0-9a-f]{64}(?:[0-9a-f]{64})?$/i.test(checksum)) throw usage('--image-checksum takes a SHA-256 or SHA-512');
  const id = matched('--image-name', name ?? 'custom', /^[a-z0-9](?:[a-z0-9.-]{0,38}[a-z0-9])?$/, 'a DNS name');
  return [...new Set([...images, ownImage(address, checksum, id)])];
}

function readAgent(value: string | undefined): { agent?: GuestAgent } {
  if (value === undefined) return {};
  if (value === 'first-boot' || value === 'image' || value === 'none') return { agent: value };
  throw usage('--guest-agent takes first-boot, image or none');
}

function readTemplate(value: string | undefined): { template?: number } {
  if (value === undefined) return {};
  const vmid = Number(value);
  if (Number.isInteger(vmid) && vmid >= 100 && vmid <= 999_999_999) return { template: vmid };
  throw usage('--template takes the VMID of a template');
}

function readAddress(
  range: string | undefined,
  first: string | undefined,
  last: string | undefined,
  gateway: string | undefined,
): { address?: SettingValue } {
  if (range === undefined || range === 'dhcp') {
    if (first ?? last ?? gateway)
      throw usage('--address-first, --address-last and --gateway go with --addresses <network>');
    return range === undefined ? {} : { address: range };
  }
  const parts = Object.entries({ cidr: range, first, last, gateway });
  const table: Record<string, SettingValue> = {};
  for (const [key, value] of parts) if (value !== undefined) table[key] = value;
  return { address: table };
}

function readLocation(value: string | undefined): { location?: Location } {
  if (value === undefined) return {};
  const location = LOCATIONS.find((one) => one === value);
  if (location === undefined) throw usage(`--location takes one of ${LOCATIONS.join(', ')}`);
  return { location };
}
