import { machineName, type Operation, type OwnerStamp, ProvisionerError } from '../../src/provisioner/index.ts';
import type { Asking } from './client.ts';
import { mustCarry } from './find.ts';
import { addresses } from './instance.ts';
import { removeDroplet } from './remove.ts';
import { agentTag, isBare, orderTag } from './tags.ts';
import { pause, type Target } from './target.ts';
import type { Droplet } from './wire.ts';

export interface Ascent {
  readonly id: number;
  readonly stamp: OwnerStamp;
  /** What is under way already, as far as it is known. */
  readonly action?: number;
  /** `made`: a droplet that this operation ordered and nobody has used; it is deleted when it does not come up. `tenant`: it is not. */
  readonly whose: 'made' | 'tenant';
  readonly limitMs: number;
}

/** Some machines never boot although every action succeeds; switching them on again helps some of them. */
const MAX_POWER_ONS = 3;
const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 5_000;
/** The provider applies the tags of an order after it; when it has not within this time, the agent does. */
const TAG_PATIENCE_MS = 20_000;

/** Leads a droplet to `active` with its address known. One that is off with nothing under way is switched on, a few times. */
export async function bringUp(target: Target, ascent: Ascent, op: Operation): Promise<Droplet> {
  const { id, stamp, limitMs } = ascent;
  const asking = { lane: 'make', signal: op.signal } as const;
  const startedAt = target.clock.monotonic();
  const passed = (): number => target.clock.monotonic() - startedAt;
  const ending = ascent.action === undefined ? 'lost' : await target.actions.settle(ascent.action, asking, limitMs);
  if (ending === 'errored') return giveUp(target, ascent, op, 'the action that makes it ended in an error');
  const seenAt = passed();
  let powerOns = 0;
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(LONGEST_PAUSE_MS, pauseMs * 1.5)) {
    const droplet = await target.reader.byId(id, asking);
    if (droplet === undefined) throw new ProvisionerError('retry', `Droplet ${id} is not there any more`);
    if (ascent.whose === 'made' && isBare(droplet.tags) && droplet.name === machineName(stamp.contract)) {
      if (passed() - seenAt > TAG_PATIENCE_MS) await stampIt(target, id, stamp, asking);
      else await pause(target, FIRST_PAUSE_MS, op.signal);
      continue;
    }
    mustCarry(droplet, stamp);
    if (droplet.status === 'active' && addresses(droplet).ipv4 !== undefined) return droplet;
    if (passed() > limitMs) return giveUp(target, ascent, op, `it is ${droplet.status} after ${limitMs / 1000} s`);
    if (droplet.status === 'archive') return giveUp(target, ascent, op, 'it is archived');
    if (droplet.status !== 'off') {
      await pause(target, pauseMs, op.signal);
      continue;
    }
    if (powerOns >= MAX_POWER_ONS) {
      return giveUp(target, ascent, op, `it stays off, though switched on ${powerOns} times`);
    }
    const accepted = await target.api.power(id, 'power_on', asking);
    if (accepted === 'absent') throw new ProvisionerError('retry', `Droplet ${id} is not there any more`);
    if (accepted !== 'pending') {
      powerOns += 1;
      await target.actions.settle(accepted, asking, limitMs);
    }
    // What has just been switched on may show as off for a moment.
    if (accepted === 'pending' || powerOns > 1) await pause(target, pauseMs, op.signal);
  }
}

/** Only for a droplet whose id an order of this very operation was answered with, and that nobody has marked. */
async function stampIt(target: Target, id: number, stamp: OwnerStamp, asking: Asking): Promise<void> {
  target.log.warn({ droplet: id }, 'digitalocean: the tags of an order were not applied, tagging its droplet');
  for (const tag of [orderTag(stamp), agentTag(stamp.agent)]) await target.api.tag(id, tag, asking);
}

async function giveUp(target: Target, { id, stamp, whose }: Ascent, op: Operation, why: string): Promise<never> {
  if (whose === 'tenant') throw new ProvisionerError('retry', `Droplet ${id} does not run: ${why}`);
  // It costs its price from the first minute, whatever its state is.
  op.log.warn({ droplet: id, why }, 'digitalocean: a new droplet did not come up, deleting it');
  await removeDroplet(target, id, stamp, op);
  throw new ProvisionerError('retry', `Droplet ${id} did not come up and was deleted: ${why}`);
}
