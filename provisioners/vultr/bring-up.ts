import { type Operation, type OwnerStamp, ProvisionerError } from '../../src/provisioner/index.ts';
import type { Acceptance } from './api.ts';
import type { Refusal } from './errors.ts';
import { mustCarry } from './find.ts';
import { isReady } from './instance.ts';
import { removeInstance } from './remove.ts';
import { isUnmarked } from './tags.ts';
import { type Target, untilTick } from './target.ts';
import type { VultrInstance } from './wire.ts';

interface Ascent {
  readonly id: string;
  readonly stamp: OwnerStamp;
  /** What to do with an instance that does not come up: `replace` deletes one that nobody has used, `tell` only says so. */
  readonly otherwise: 'replace' | 'tell';
  readonly limitMs: number;
}

const MAX_STARTS = 3;
/**
 * What was just started may show as stopped for a while, and starting it again would restart it: only a look that was begun so long
 * after the last request counts.
 */
const START_MS = 20_000;
/** An instance of which the answer to its order told may not be known everywhere at once. */
const UNKNOWN_MS = 30_000;

/** Leads an instance to where it runs and has its address. Only one that is there, free and off is started, a few times. */
export async function bringUp(target: Target, ascent: Ascent, op: Operation): Promise<VultrInstance> {
  const { id, stamp, limitMs, otherwise } = ascent;
  const { clock, settings, askedToStart } = target;
  const asking = { lane: 'make', signal: op.signal } as const;
  const began = clock.monotonic();
  let starts = 0;
  let seen = otherwise === 'tell';
  let refusal: Refusal | undefined;
  for (;;) {
    const lookedAt = clock.monotonic();
    const instance = await target.reader.byId(id, asking);
    const passedMs = clock.monotonic() - began;
    if (instance === undefined && (seen || passedMs > UNKNOWN_MS)) {
      throw new ProvisionerError('retry', `Instance ${id} is not there any more`);
    }
    if (instance !== undefined) {
      seen = true;
      // Tags may come later than the instance: one with our name and nobody's stamp is waited for.
      const isOurs = otherwise === 'tell' || !isUnmarked(instance, stamp);
      if (isOurs) mustCarry(instance, stamp);
      if (isOurs && isReady(instance, settings.ipv4 === 'own' ? 'ipv4' : 'ipv6')) return instance;
      if (instance.status === 'suspended') throw suspendedError(id);
      if (passedMs > limitMs) return giveUp(target, ascent, op, instance, refusal);
      if (isOurs && isOff(instance) && lookedAt - (askedToStart.get(id) ?? -Infinity) > START_MS) {
        if (starts >= MAX_STARTS) return giveUp(target, ascent, op, instance, refusal);
        const accepted = await start(target, id, op.signal);
        if (accepted === 'absent') throw new ProvisionerError('retry', `Instance ${id} is not there any more`);
        refusal = accepted === 'accepted' ? undefined : accepted;
        if (accepted === 'accepted') starts += 1;
      }
    }
    await untilTick(target, op.signal);
  }
}

/** Notes when, unless it is certain that nothing comes of it: an answer may be lost, and its request be late. */
async function start({ api, askedToStart, clock }: Target, id: string, signal: AbortSignal): Promise<Acceptance> {
  let accepted: Acceptance | undefined;
  try {
    accepted = await api.start(id, { lane: 'make', signal });
    return accepted;
  } finally {
    if (mayStart(accepted)) {
      const now = clock.monotonic();
      // Older ones say nothing any more, and many of their instances are gone.
      for (const [asked, at] of askedToStart) if (now - at > START_MS) askedToStart.delete(asked);
      askedToStart.set(id, now);
    }
  }
}

/** Trouble inside the API may have struck when the work was done. */
function mayStart(accepted: Acceptance | undefined): boolean {
  return accepted === undefined || accepted === 'accepted' || (accepted !== 'absent' && accepted.status >= 500);
}

/** Off by itself. A new one that shows as stopped while it is being installed will start without being told. */
function isOff({ status, power_status, server_status }: VultrInstance): boolean {
  return status === 'active' && power_status === 'stopped' && server_status === 'ok';
}

export function suspendedError(id: string): ProvisionerError {
  return new ProvisionerError('config', `Vultr has suspended instance ${id}: see the mail to the account`);
}

async function giveUp(
  target: Target,
  { id, stamp, otherwise }: Ascent,
  op: Operation,
  { status, power_status, server_status }: VultrInstance,
  refusal: Refusal | undefined,
): Promise<never> {
  const why = `it is ${status}, ${power_status} and ${server_status}${refusal === undefined ? '' : ` (${refusal.text})`}`;
  if (otherwise === 'tell') throw new ProvisionerError('retry', `Instance ${id} does not run: ${why}`);
  // It costs its price from the first minute, whatever its state is.
  op.log.warn({ instance: id, why }, 'vultr: a new instance did not come up, deleting it');
  await removeInstance(target, id, stamp, op);
  throw new ProvisionerError('retry', `Instance ${id} did not come up and was deleted: ${why}`);
}
