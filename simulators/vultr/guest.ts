import { createHash } from 'node:crypto';
import { type GuestSetup, readUserData } from '../hetzner/user-data.ts';
import type { Cloud } from './cloud.ts';
import type { Instance } from './state.ts';

/** The inside of one instance, as an SSH client meets it. */
export interface GuestAnswer {
  readonly instance: Readonly<Instance>;
  /** False while it boots or is off: nothing answers at its address. */
  readonly ready: boolean;
  /** Public keys that let root in. */
  readonly authorizedKeys: readonly string[];
  /** What root may log in with beside them; undefined where the user data forbids passwords. */
  readonly password: string | undefined;
  /** The host key that the user data orders, as OpenSSH writes it. */
  readonly ownHostKey: string | undefined;
  /** As OpenSSH prints it; made up, and stable for the instance's life, when the user data orders none. */
  readonly hostKeyFingerprint: string;
  readonly uptimeMs: number;
}

export function guestOf({ clock, options }: Cloud, instance: Instance): GuestAnswer {
  const setup: GuestSetup = readUserData(instance.userData);
  const uptimeMs = instance.startedAt === undefined ? 0 : Math.floor(clock.monotonic() - instance.startedAt);
  const [, blob] = setup.hostKey?.public.split(' ') ?? [];
  const identity = blob === undefined ? Buffer.from(instance.id) : Buffer.from(blob, 'base64');
  return {
    instance,
    ready: instance.power === 'running' && instance.server === 'ok' && uptimeMs >= options.timings.bootMs,
    authorizedKeys: setup.authorizedKeys,
    password: setup.passwords ? instance.password : undefined,
    ownHostKey: setup.hostKey?.private,
    hostKeyFingerprint: `SHA256:${createHash('sha256').update(identity).digest('base64').replace(/=+$/, '')}`,
    uptimeMs,
  };
}
