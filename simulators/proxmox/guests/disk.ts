import type { Guest } from '../state.ts';

/** What a make-believe guest keeps on its disk: as much of a Debian as keys and passwords need. */
export interface GuestDisk {
  /** By absolute path. */
  readonly files: Map<string, string>;
  readonly directories: Set<string>;
  /** Hashes of crypt(3), by user; no entry = no login by password. */
  readonly passwords: Map<string, string>;
  /** The cloud-init instance that it has become. */
  instance?: string;
}

const AUTHORIZED = ['authorized_keys', 'authorized_keys2'] as const;

/** Disks live as long as their machines, also while these are off. */
const disks = new WeakMap<Guest, GuestDisk>();

/** The disk of a machine; a fresh one is that of an image that never booted. */
export function guestDisk(guest: Guest): GuestDisk {
  const known = disks.get(guest);
  if (known) return known;
  const disk: GuestDisk = {
    files: new Map([
      ['/etc/hostname', 'localhost\n'],
      ['/etc/passwd', 'root:x:0:0:root:/root:/bin/bash\n'],
      ['/etc/os-release', 'ID=debian\nPRETTY_NAME="Debian GNU/Linux 13 (simulated machine)"\n'],
    ]),
    directories: new Set(['/', '/etc', '/etc/ssh', '/etc/cloud', '/etc/cloud/cloud.cfg.d', '/root', '/tmp', '/home']),
    passwords: new Map(),
  };
  disks.set(guest, disk);
  return disk;
}

/** Writes a file where its directory exists; false where there is none, or the path is one. */
export function writeTo(disk: GuestDisk, path: string, content: string): boolean {
  const directory = path.slice(0, Math.max(1, path.lastIndexOf('/')));
  if (!path.startsWith('/') || !disk.directories.has(directory) || disk.directories.has(path)) return false;
  disk.files.set(path, content);
  return true;
}

/** The home directory that /etc/passwd has for the user. */
export function homeOf(disk: GuestDisk, user: string): string | undefined {
  const line = disk.files
    .get('/etc/passwd')
    ?.split('\n')
    .find((entry) => entry.startsWith(`${user}:`));
  return line?.split(':')[5];
}

/** Makes the user with a home directory, if there is none of that name. */
export function ensureUser(disk: GuestDisk, user: string): string {
  const present = homeOf(disk, user);
  if (present !== undefined) return present;
  const home = `/home/${user}`;
  const passwd = disk.files.get('/etc/passwd') ?? '';
  const id = 999 + passwd.split('\n').filter((line) => line !== '').length;
  disk.files.set('/etc/passwd', `${passwd}${user}:x:${id}:${id}::${home}:/bin/bash\n`);
  disk.directories.add(home);
  return home;
}

/** The lines that let somebody in as this user, as sshd would read them. */
export function authorizedKeys(disk: GuestDisk, user: string): string[] {
  const home = homeOf(disk, user);
  if (home === undefined) return [];
  const texts = AUTHORIZED.map((name) => disk.files.get(`${home}/.ssh/${name}`) ?? '');
  return texts.flatMap((text) => text.split('\n')).filter((line) => line.trim() !== '' && !line.startsWith('#'));
}
