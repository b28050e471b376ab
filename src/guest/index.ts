import { probeSsh, type SshProbe, type SshTarget } from './readiness.ts';

export { probeSsh, type SshProbe, type SshTarget } from './readiness.ts';
export { cleanSshKey } from './ssh-key.ts';
export { waitUntilReady } from './wait.ts';

/** The port through which the daemon looks into a tenant's machine from outside. */
export interface Guest {
  probeSsh(target: SshTarget, signal: AbortSignal): Promise<SshProbe>;
}

/** Real sockets. */
export const systemGuest: Guest = {
  probeSsh: (target, signal) => probeSsh({ ...target, signal }),
};
