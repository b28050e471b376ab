import type { CloudInitData } from '../state.ts';
import { ensureUser, type GuestDisk } from './disk.ts';

/** What Debian's images call their user when the documents name none. */
const DEFAULT_USER = 'debian';
export const HOST_KEY = '/etc/ssh/ssh_host_ed25519_key';

const STATUS = '/run/cloud-init/status.json';
const ENDED = { errors: [], finished: 12.5, start: 11.9 };
const DONE = JSON.stringify({ v1: { init: ENDED, 'modules-final': ENDED, stage: null } });

/**
 * Does what cloud-init does at boot with the documents on its drive: nothing, unless they name another instance than the disk
 * has become. Then it sets name, user and password, *adds* keys to those that are there, and throws the host keys away, unless
 * the image was told to keep them (`ssh_deletekeys: false`).
 */
export function applyCloudInit(disk: GuestDisk, { user, meta }: CloudInitData): void {
  const instance = /^instance-id: (\S+)$/m.exec(meta)?.[1];
  if (instance !== undefined) disk.files.set(STATUS, DONE);
  if (instance === undefined || instance === disk.instance) return;
  disk.instance = instance;
  const login = scalar(user, 'user') ?? DEFAULT_USER;
  const home = ensureUser(disk, login);
  disk.files.set('/etc/hostname', `${scalar(user, 'hostname') ?? 'localhost'}\n`);
  const password = scalar(user, 'password');
  if (password !== undefined) disk.passwords.set(login, password);
  const file = `${home}/.ssh/authorized_keys`;
  disk.directories.add(`${home}/.ssh`);
  const present = (disk.files.get(file) ?? '').split('\n').filter((line) => line !== '');
  const keys = new Set([...present, ...listOf(user, 'ssh_authorized_keys')]);
  disk.files.set(file, [...keys].map((key) => `${key}\n`).join(''));
  if (!keepsHostKeys(disk)) for (const file of [HOST_KEY, `${HOST_KEY}.pub`]) disk.files.delete(file);
}

/** Only what PVE writes has to be understood: `name: value` and lists of one level. */
function scalar(document: string, name: string): string | undefined {
  return new RegExp(`^${name}: (.+)$`, 'm').exec(document)?.[1]?.trim();
}

function listOf(document: string, name: string): string[] {
  const [, items = ''] = new RegExp(`^${name}:\\n((?:  - .*\\n)*)`, 'm').exec(document) ?? [];
  return items
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.slice('  - '.length));
}

function keepsHostKeys({ files }: GuestDisk): boolean {
  return [...files].some(
    ([path, text]) => path.startsWith('/etc/cloud/cloud.cfg.d/') && /^ssh_deletekeys:\s*(?:false|no|0)\s*$/m.test(text),
  );
}
