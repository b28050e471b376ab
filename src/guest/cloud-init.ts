import { isMap, parseDocument } from 'yaml';
import type { Secret } from '../ports/secret.ts';
import { cloudConfigText, multipart, partOf } from './cloud-init-document.ts';

/** What a machine is told by cloud-init, beside the offering's own document. */
export interface MachineConfig {
  /** Who may log in, as the image's user and as root: the tenant. */
  readonly sshKeys: readonly string[];
  /** Our own key, which opens the machine until that time (ms) at the most, whatever becomes of us. */
  readonly agentKey?: { readonly publicKey: string; readonly until: number };
  readonly hostKey: { readonly privateKey: Secret; readonly publicKey: string };
  readonly hostname?: string;
  /** A user to be made beside the image's own, who may become root. */
  readonly user?: string;
}

/** Why a document cannot be used, in words for its author. */
export class CloudInitError extends Error {
  override readonly name = 'CloudInitError';
}

type CloudConfig = Record<string, unknown>;

/**
 * The user data for a machine. A cloud-config document is merged with ours into one: keys add up, what only we may say (host keys,
 * root's login by key) is refused in it, and in everything else it goes before us. Anything else that cloud-init reads, scripts and
 * MIME archives among it, travels beside ours as MIME parts, ours last: where parts name the same key cloud-init keeps the later one
 * (`DEF_MERGERS`, `dict(replace)`), and a cloud-config in it must not take the tenant's way in away.
 * Throws CloudInitError for what cloud-init would not read.
 */
export function userData(machine: MachineConfig, document?: string): string {
  if (document === undefined || document.trim() === '') return cloudConfigText(ours(machine));
  const kind = partOf(document);
  if (kind === undefined) throw new CloudInitError(UNREADABLE);
  if (kind.type !== 'text/cloud-config')
    return multipart([kind, partOf(cloudConfigText(ours(machine)))].filter((part) => part !== undefined));
  return cloudConfigText(merged(ours(machine), readCloudConfig(document)));
}

/** The mapping of a `#cloud-config` document. Throws CloudInitError. */
export function readCloudConfig(document: string): CloudConfig {
  // Aliases are counted, because a few lines of them can stand for gigabytes.
  const parsed = parseDocument(document, { uniqueKeys: true, version: '1.1' });
  const [problem] = parsed.errors;
  if (problem !== undefined)
    throw new CloudInitError(`The cloud-init document is not YAML: ${firstLine(problem.message)}`);
  if (parsed.contents === null) return {};
  if (!isMap(parsed.contents)) throw new CloudInitError('The cloud-init document is not a list of keys and values.');
  try {
    return parsed.toJS({ maxAliasCount: 100 }) as CloudConfig;
  } catch (cause) {
    throw new CloudInitError('The cloud-init document refers to itself too often.', { cause });
  }
}

function ours({ sshKeys, agentKey, hostKey, hostname, user }: MachineConfig): CloudConfig {
  const users = [
    ...(user === undefined ? [] : [sudoer(user, sshKeys)]),
    // Here and not below: of root's keys there cloud-init drops what stands before them.
    ...(agentKey === undefined ? [] : [{ name: 'root', lock_passwd: false, ssh_authorized_keys: [limited(agentKey)] }]),
  ];
  return {
    ...(hostname === undefined ? {} : { hostname }),
    ...(users.length === 0 ? {} : { users: ['default', ...users] }),
    // Many images are logged in to as root, and the tenant owns the machine.
    disable_root: false,
    ssh_authorized_keys: sshKeys,
    ssh_deletekeys: true,
    ssh_keys: { ed25519_private: hostKey.privateKey.reveal(), ed25519_public: hostKey.publicKey },
    growpart: { mode: 'auto', devices: ['/'] },
    resize_rootfs: true,
    // One that every image has: making another takes seconds of the first boot. (`false` is no text, and Debian 12's schema wants one.)
    locale: 'C.UTF-8',
  };
}

/** OpenSSH 7.7 and later refuse it afterwards by themselves; in the machine's time zone, for which a day is left. */
function limited({ publicKey, until }: { readonly publicKey: string; readonly until: number }): string {
  const day = new Date(until + DAY_MS).toISOString().slice(0, 10).replaceAll('-', '');
  return `expiry-time="${day}" ${publicKey}`;
}

const DAY_MS = 86_400_000;

function sudoer(name: string, keys: readonly string[]): CloudConfig {
  return {
    name,
    // oxlint-disable-next-line house/no-shell -- the machine's user's own, in a document; nothing is run here
    shell: '/bin/bash',
    lock_passwd: true,
    sudo: 'ALL=(ALL) NOPASSWD:ALL',
    ssh_authorized_keys: keys,
  };
}

/** Keys that only we may set: another value would take the tenant's way in, or the pinned host key, away. */
const RESERVED: ReadonlySet<string> = new Set(['ssh_keys', 'ssh_deletekeys', 'disable_root']);

function merged(own: CloudConfig, theirs: CloudConfig): CloudConfig {
  const taken = Object.keys(theirs).find((key) => RESERVED.has(key));
  if (taken !== undefined) throw new CloudInitError(`The cloud-init document may not set ${taken}: the agent does.`);
  return {
    ...own,
    ...theirs,
    ssh_authorized_keys: union(own['ssh_authorized_keys'], theirs['ssh_authorized_keys']),
    ...('users' in own && 'users' in theirs ? { users: union(own['users'], theirs['users']) } : {}),
  };
}

function union(own: unknown, theirs: unknown): unknown[] {
  const more = Array.isArray(theirs) ? theirs : theirs === undefined || theirs === null ? [] : [theirs];
  return [...new Set([...(own as unknown[]), ...more])];
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0] ?? '';
}

const UNREADABLE =
  'The cloud-init document begins with none of the words that cloud-init knows it by, such as #cloud-config or #!.';
