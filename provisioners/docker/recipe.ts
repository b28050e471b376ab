import {
  type Clock,
  type GuestScript,
  type Operation,
  type OwnedRef,
  ProvisionerError,
  type ScriptEnd,
  sleep,
} from '../../src/provisioner/index.ts';
import type { Engine } from './engine.ts';
import { requireOwned } from './owned.ts';
import { tar } from './tar.ts';
import type { InspectedContainer } from './wire.ts';

export interface RecipeContext {
  readonly engine: Engine;
  readonly clock: Clock;
}

/** Between the signal to end and the one that cannot be refused. */
const GRACE_SECONDS = 10;
/** For the engine, beside the script's own time. */
const SLACK_SECONDS = 20;
const LOOK_EVERY_MS = 500;

/** How the runner ends when it did not run the script. */
const NO_TIMEOUT = 90;
const ALREADY_BEGUN = 91;

/**
 * Runs a script in a machine, and tells how it ended.
 *
 * It is run at most once for each operation: the runner leaves a mark in the machine before the script and its exit code after it,
 * so a later call finds the end, or waits for it. Throws `permanent` when it was cut off by the end of its machine, and `retry` while
 * the machine is off.
 */
export async function runScript(
  ctx: RecipeContext,
  ref: OwnedRef,
  script: GuestScript,
  op: Operation,
): Promise<ScriptEnd> {
  const container = await requireOwned(ctx.engine, ref, op.signal);
  if (container.State.Status !== 'running') throw new ProvisionerError('retry', 'The container of this machine is off');
  const limit = script.limitSeconds;
  const place = placeOf(op);
  let output = '';
  let end = await readEnd(ctx, container.Id, place, op);
  if (end === undefined && !(await hasBegun(ctx, container.Id, place, op))) {
    output = await run(ctx, container, place, script, op);
    end = await readEnd(ctx, container.Id, place, op);
  }
  end ??= await awaitEnd(ctx, container, place, limit, op);
  return { ...told(end, limit), output };
}

/** Absolute, without the leading slash that archives do without. */
function placeOf({ id }: Operation): string {
  return `var/lib/dc-agent/recipe-${id}`;
}

async function run(
  { engine }: RecipeContext,
  container: InspectedContainer,
  place: string,
  { content, environment, limitSeconds }: GuestScript,
  op: Operation,
): Promise<string> {
  await engine.upload(container.Id, recipeFiles(place, content), op.signal);
  const { exit, output } = await engine.inside.run(
    container.Id,
    {
      doing: 'run a script in a machine',
      argv: ['/bin/sh', `/${place}/run`, String(limitSeconds), String(GRACE_SECONDS), container.State.StartedAt ?? ''],
      env: ['HOME=/root', ...Object.entries(environment).map(([name, value]) => `${name}=${value}`)],
      timeoutMs: (limitSeconds + GRACE_SECONDS + SLACK_SECONDS) * 1000,
    },
    op.signal,
  );
  if (exit === NO_TIMEOUT) {
    throw new ProvisionerError('config', "The image has no 'timeout' (Debian: coreutils), so it runs no scripts");
  }
  // An overlapping call was quicker: its script's end is waited for.
  if (exit === ALREADY_BEGUN) return '';
  if (exit !== 0) throw interrupted(`the runner ended with ${exit}`);
  return output;
}

/** A script without an interpreter of its own is for the plain shell. */
function recipeFiles(place: string, script: string): Uint8Array {
  const content = script.startsWith('#!') ? script : `#!/bin/sh\n${script}`;
  return tar([
    { path: 'var/lib/dc-agent/', mode: 0o700 },
    { path: `${place}/`, mode: 0o700 },
    { path: `${place}/run`, mode: 0o700, content: RUNNER },
    { path: `${place}/script`, mode: 0o700, content },
  ]);
}

interface End {
  readonly exit: number;
  readonly seconds: number;
}

async function readEnd({ engine }: RecipeContext, id: string, place: string, op: Operation): Promise<End | undefined> {
  const entry = await engine.inside.read(id, `/${place}/exit`, op.signal);
  if (entry === undefined) return undefined;
  // The machine's root may have written anything there.
  const [, exit, seconds] = /^([0-9]{1,3}) ([0-9]{1,6})\n$/.exec(entry.content?.toString('latin1') ?? '') ?? [];
  if (exit === undefined || seconds === undefined) throw interrupted('its exit code is not readable');
  return { exit: Number(exit), seconds: Number(seconds) };
}

async function hasBegun({ engine }: RecipeContext, id: string, place: string, op: Operation): Promise<boolean> {
  return (await engine.inside.read(id, `/${place}/begun`, op.signal)) !== undefined;
}

/** For a script that an earlier call began. */
async function awaitEnd(
  ctx: RecipeContext,
  container: InspectedContainer,
  place: string,
  limit: number,
  op: Operation,
): Promise<End> {
  const { engine, clock } = ctx;
  const deadline = clock.monotonic() + (limit + GRACE_SECONDS + SLACK_SECONDS) * 1000;
  for (;;) {
    const now = await engine.inspect(container.Id, op.signal);
    // Read after the machine was looked at, so that an end between the two is not missed.
    const end = await readEnd(ctx, container.Id, place, op);
    if (end !== undefined) return end;
    const begunIn = await engine.inside.read(container.Id, `/${place}/begun`, op.signal);
    const startedAt = begunIn?.content?.toString('latin1').trim();
    if (now?.State.Status !== 'running' || now.State.StartedAt !== startedAt)
      throw interrupted('its machine ended meanwhile');
    if (clock.monotonic() > deadline) throw interrupted('no end of it shows');
    try {
      await sleep(clock, LOOK_EVERY_MS, op.signal);
    } catch (cause) {
      throw new ProvisionerError('unknown-outcome', 'Cancelled while a script runs in a machine', { cause });
    }
  }
}

/** Not every `timeout` has an exit code of its own for what it ended. */
function told({ exit, seconds }: End, limit: number): Omit<ScriptEnd, 'output'> {
  const timedOut = seconds >= limit && (exit === 124 || exit > 128);
  return { timedOut, seconds, ...(timedOut ? {} : { exit }) };
}

function interrupted(why: string): ProvisionerError {
  return new ProvisionerError('permanent', `The script was cut off: ${why}`, {
    publicText: 'The deployment was cut off: the machine was restarted, or what ran it was ended.',
  });
}

/**
 * Arguments: seconds for the script, seconds between the two signals, since when the machine runs. The mark can be made once
 * only (noclobber), and the exit code appears whole. The script may hold secrets, so it does not stay.
 */
const RUNNER = `#!/bin/sh
umask 077
place=\${0%/run}
command -v timeout >/dev/null || exit ${NO_TIMEOUT}
(set -C && printf '%s\\n' "$3" >"$place/begun") 2>/dev/null || exit ${ALREADY_BEGUN}
since=$(date +%s)
(
  umask 022
  cd /root || cd /
  exec timeout -k "$2" "$1" "$place/script"
) </dev/null
code=$?
rm -f "$place/script"
printf '%s %s\\n' "$code" "$(($(date +%s) - since))" >"$place/exit.new"
mv "$place/exit.new" "$place/exit"
`;
