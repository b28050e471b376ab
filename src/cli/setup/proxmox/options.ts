import { resolve } from 'node:path';
import {
  type GuestAgent,
  IMAGES,
  type Image,
  ownImage,
  parseFingerprint,
} from '../../../../provisioners/proxmox/setup/index.ts';
import { isHttpUrl } from '../../../provisioner/settings.ts';
import { type Args, flag, texts } from '../../command.ts';
import type { Io } from '../../io.ts';
import type { TargetPlace } from '../config-text.ts';
import { readSetupOptions, type SetupOptions, trimmed, usageOf } from '../options.ts';
import type { SettingValue } from '../plan.ts';

/** The command line, read and checked, before anything is asked, sent or written. */
export interface ProxmoxOptions extends SetupOptions {
  readonly does: 'set up' | 'undo' | 'repin';
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
}

const COMMAND = 'setup proxmox';
const { failure: usage, matched } = usageOf(COMMAND);

export { usage };

export function placeOf({ target }: Pick<SetupOptions, 'target'>): TargetPlace {
  return { name: target, type: 'proxmox', command: COMMAND };
}

/** Throws Failure with exit code 2. */
export async function readOptions(args: Args, io: Io): Promise<ProxmoxOptions> {
  const one = (name: string): string | undefined => trimmed(args, name);
  const given = <Key extends string>(key: Key, value: string | undefined) =>
    (value === undefined ? {} : { [key]: value }) as Partial<Record<Key, string>>;
  const stdin = ['passwordFile', 'token'].filter((name) => one(name) === '-');
  if (stdin.length > 1) throw usage('--password-file - and --token - cannot both read standard input');
  const caFile = one('caFile');
  return {
    ...(await readSetupOptions(args, io, { command: COMMAND, target: 'proxmox' })),
    does: flag(args, 'undo') ? 'undo' : flag(args, 'repin') ? 'repin' : 'set up',
    ...readApiUrl(one('apiUrl')),
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
  };
}

function readApiUrl(value: string | undefined): { apiUrl?: string } {
  if (value === undefined) return {};
  if (!isHttpUrl(value)) throw usage('--api-url takes an https:// URL');
  return { apiUrl: value.replace(/\/+$/, '').replace(/\/api2(?:\/json)?$/, '') };
}

function readFingerprint(value: string | undefined): string | undefined {
  if (value === undefined) return undefined;
  const fingerprint = parseFingerprint(value);
  if (fingerprint === undefined) throw usage('--fingerprint takes a SHA-256 fingerprint: 64 hexadecimal digits');
  return fingerprint;
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
