import { type Operation, type OwnerStamp, ProvisionerError } from '../../src/provisioner/index.ts';
import { bringUp } from './bring-up.ts';
import { mustCarry } from './find.ts';
import { failureIn, pause, type Target, waitForServer } from './target.ts';
import type { Server } from './wire.ts';

const POLL_MS = 1_500;
/** What a server may take to switch off, hard, beside the grace it is given to do it itself. */
const HARD_MS = 180_000;

/** A server that is off, and how it was found. */
export interface Off {
  readonly server: Server;
  readonly was: 'off' | 'on';
}

/**
 * Leads a server to `off`: asks the machine to shut down, which only sends a signal, and switches it off when it has not done so
 * in its time.
 */
export async function switchOff(target: Target, { id }: Server, stamp: OwnerStamp, op: Operation): Promise<Off> {
  const asking = { lane: 'make', signal: op.signal } as const;
  const { clock, settings, api, actions } = target;
  const graceMs = settings.stop_grace_seconds * 1000;
  const startedAt = clock.monotonic();
  let askedAt: number | undefined;
  let was: Off['was'] = 'off';
  for (;;) {
    const server = mustCarry(present(await target.reader.byId(id, stamp, asking)), stamp);
    if (server.status === 'off') return { server, was };
    was = 'on';
    const now = clock.monotonic();
    if (now - startedAt > graceMs + HARD_MS) {
      throw new ProvisionerError('retry', `Server ${id} is still ${server.status} after having been switched off`);
    }
    if (server.status !== 'running') {
      await waitForServer(target, id, POLL_MS, asking);
      continue;
    }
    if (askedAt !== undefined && now - askedAt < graceMs) {
      await pause(target, Math.min(POLL_MS, graceMs), op.signal);
      continue;
    }
    const verb = askedAt === undefined && graceMs > 0 ? 'shutdown' : 'poweroff';
    const accepted = await api.power(id, verb, asking);
    if (accepted === 'absent') throw gone();
    if (accepted === 'locked') {
      await waitForServer(target, id, POLL_MS, asking);
      continue;
    }
    const failure = failureIn(await actions.settle([accepted.action], asking, HARD_MS));
    if (verb === 'shutdown') askedAt = failure === undefined ? now : -Infinity;
  }
}

/** Leads a server to `running`; it is the tenant's, so one that does not come up is left as it is. */
export async function switchOn(target: Target, { id }: Server, stamp: OwnerStamp, op: Operation): Promise<Server> {
  const limitMs = target.settings.create_timeout_seconds * 1000;
  return bringUp(target, { id, stamp, actions: [], otherwise: 'tell', limitMs }, op);
}

export function present(server: Server | undefined): Server {
  if (server === undefined) throw gone();
  return server;
}

export function gone(): ProvisionerError {
  return new ProvisionerError('permanent', 'The server of this machine does not exist any more', {
    publicText: 'This machine no longer exists.',
  });
}
