import { type Operation, type OwnerStamp, ProvisionerError } from '../../src/provisioner/index.ts';
import type { Ending } from './actions.ts';
import { mustCarry } from './find.ts';
import { addresses } from './instance.ts';
import { removeServer } from './remove.ts';
import { failureIn, pause, type Target, waitForServer } from './target.ts';
import type { Action, Server } from './wire.ts';

export interface Ascent {
  readonly id: number;
  readonly stamp: OwnerStamp;
  /** What is under way already, as far as it is known. */
  readonly actions: readonly (number | Action)[];
  /** What to do with a server that does not come up: `replace` deletes one that nobody has used, `tell` only says so. */
  readonly otherwise: 'replace' | 'tell';
  readonly limitMs: number;
}

/** Some servers never boot although every action succeeds; switching them on again helps some of them. */
const MAX_POWER_ONS = 3;
const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 5_000;

/**
 * Leads a server to `running`. Actions are what is waited for: a new server passes through `off` on its way up, and that is no
 * failure. Only one that is off with nothing under way is switched on, a few times.
 */
export async function bringUp(target: Target, ascent: Ascent, op: Operation): Promise<Server> {
  const { id, stamp, limitMs } = ascent;
  const asking = { lane: 'make', signal: op.signal } as const;
  const startedAt = target.clock.monotonic();
  let endings = await target.actions.settle(ascent.actions, asking, limitMs);
  let powerOns = 0;
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(LONGEST_PAUSE_MS, pauseMs * 1.5)) {
    const failure = failureIn(endings);
    if (failure && !isStart(failure)) return giveUp(target, ascent, op, describe(failure));
    const server = await target.reader.byId(id, stamp, asking);
    if (server === undefined) throw new ProvisionerError('retry', `Server ${id} is not there any more`);
    mustCarry(server, stamp);
    if (server.status === 'running' && hasAddress(server)) return server;
    if (target.clock.monotonic() - startedAt > limitMs) {
      return giveUp(target, ascent, op, `it is ${server.status} after ${limitMs / 1000} s`);
    }
    if (server.status === 'deleting') throw new ProvisionerError('retry', `Server ${id} is being deleted`);
    if (server.status !== 'off') {
      endings = await waitForServer(target, id, pauseMs, asking);
      continue;
    }
    if (powerOns >= MAX_POWER_ONS)
      return giveUp(target, ascent, op, `it stays off, though switched on ${powerOns} times`);
    const accepted = server.locked === true ? 'locked' : await target.api.power(id, 'poweron', asking);
    if (accepted === 'absent') throw new ProvisionerError('retry', `Server ${id} is not there any more`);
    if (accepted === 'locked') {
      endings = await waitForServer(target, id, pauseMs, asking);
      continue;
    }
    powerOns += 1;
    endings = await target.actions.settle([accepted.action], asking, limitMs);
    // What has just been switched on may show as off for a moment.
    if (powerOns > 1) await pause(target, pauseMs, op.signal);
  }
}

function hasAddress(server: Server): boolean {
  const { ipv4, ipv6 } = addresses(server);
  return ipv4 !== undefined || ipv6 !== undefined;
}

/** A server that was made and could not be started is there, and off: it may be switched on. */
function isStart({ command }: Extract<Ending, { state: 'error' }>): boolean {
  return command === 'start_server';
}

function describe({ command, code, text }: Extract<Ending, { state: 'error' }>): string {
  return `${command} ended in ${code}${text === '' ? '' : `: ${text}`}`;
}

async function giveUp(target: Target, { id, stamp, otherwise }: Ascent, op: Operation, why: string): Promise<never> {
  if (otherwise === 'tell') throw new ProvisionerError('retry', `Server ${id} does not run: ${why}`);
  // It costs its price from the first minute, whatever its state is.
  op.log.warn({ server: id, why }, 'hetzner: a new server did not come up, deleting it');
  await removeServer(target, id, stamp, op);
  throw new ProvisionerError('retry', `Server ${id} did not come up and was deleted: ${why}`);
}
