import { createHash } from 'node:crypto';
import type { Cloud } from './cloud.ts';
import type { Disk, Server } from './state.ts';
import { type GuestSetup, readUserData } from './user-data.ts';

/** The inside of one server, as an SSH client meets it. */
export interface GuestAnswer {
  readonly server: Readonly<Server>;
  /** False while it boots or is off: nothing answers at its address. */
  readonly ready: boolean;
  /** Public keys that let root in: of the snapshot, of the order and of the user data, or the rescue system's. */
  readonly authorizedKeys: readonly string[];
  /** What root may log in with beside them; undefined also where the user data forbids passwords. */
  readonly password: string | undefined;
  /** The host key that user data or snapshot bring, as OpenSSH writes it. */
  readonly ownHostKey: string | undefined;
  /** As OpenSSH prints it; made up, and stable for the server's life, when nobody knows the host key. */
  readonly hostKeyFingerprint: string;
  readonly uptimeMs: number;
}

export function guestOf({ clock }: Cloud, server: Server): GuestAnswer {
  const setup = readUserData(server.userData);
  const { authorizedKeys, hostKey, identity } = inside(server, setup);
  const now = clock.monotonic();
  const digest = createHash('sha256').update(identity, identity.startsWith('server ') ? 'utf8' : 'base64');
  return {
    server,
    ready: server.status === 'running' && server.sshReadyAt !== undefined && now >= server.sshReadyAt,
    authorizedKeys: server.inRescue ?? authorizedKeys,
    password: setup.passwords ? server.rootPassword : undefined,
    ownHostKey: hostKey,
    hostKeyFingerprint: `SHA256:${digest.digest('base64').replace(/=+$/, '')}`,
    uptimeMs: server.startedAt === undefined ? 0 : Math.floor(now - server.startedAt),
  };
}

/** What a snapshot of this server remembers. */
export function diskOf(server: Server): Disk {
  const disk = inside(server, readUserData(server.userData));
  return { ...disk, hostKey: disk.hostKey ?? server.hostKey, rootPassword: server.rootPassword };
}

/** The first boot adds keys to those on the disk; host keys it makes anew, unless they are ordered or told to stay. */
function inside(server: Server, setup: GuestSetup): Disk {
  const { disk, rootPassword } = server;
  const authorizedKeys = [...new Set([...(disk?.authorizedKeys ?? []), ...server.publicKeys, ...setup.authorizedKeys])];
  if (setup.hostKey) {
    const [, blob = ''] = setup.hostKey.public.split(' ');
    return { authorizedKeys, hostKey: setup.hostKey.private, identity: blob, rootPassword };
  }
  if (disk && setup.keepsHostKeys) return { ...disk, authorizedKeys };
  return { authorizedKeys, hostKey: undefined, identity: `server ${server.id}`, rootPassword };
}
