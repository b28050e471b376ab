import {
  type CallContext,
  type GuestScript,
  isProvisionerError,
  type Operation,
  type OwnedRef,
  ProvisionerError,
  type ScriptEnd,
} from '../../src/provisioner/index.ts';
import { type Backend, pause } from './backend.ts';
import { reasonOf } from './errors.ts';
import { readGuestFile } from './guest-file.ts';
import { runGuestProgram } from './guest-program.ts';
import type { Machine } from './judge.ts';
import { requireOwned, verified } from './owned.ts';
import { BEGIN, filesOf, GRACE_SECONDS, placeOf, sizeOf } from './script-runner.ts';

/** For the host and the agent, beside the script's own time. */
const SLACK_SECONDS = 60;
const FIRST_LOOK_MS = 500;
const LONGEST_LOOK_MS = 5_000;

/**
 * Runs a script as root through the guest agent; see the plugin contract. Needs VM.GuestAgent.Unrestricted; before 9, VM.Monitor. Only
 * programs and arguments of our own are named to the host; script and environment go into files that only root can read.
 */
export async function runScript(
  backend: Backend,
  ref: OwnedRef,
  script: GuestScript,
  op: Operation,
): Promise<ScriptEnd> {
  const place = placeOf(op.id);
  const files = filesOf(script);
  const machine = await requireOwned(backend, ref, op);
  const deadline = backend.clock.monotonic() + SLACK_SECONDS * 1000;
  if ((await whenAnswering(backend, deadline, op, () => markOf(backend, machine, place, op))) === undefined) {
    await begin(backend, machine, { place, files, limitSeconds: script.limitSeconds }, op);
  }
  return awaitEnd(backend, machine, { place, limitSeconds: script.limitSeconds }, op);
}

interface Run {
  readonly place: string;
  readonly limitSeconds: number;
}

async function begin(
  backend: Backend,
  machine: Machine,
  { place, files, limitSeconds }: Run & { readonly files: ReturnType<typeof filesOf> },
  op: Operation,
): Promise<void> {
  const prepared = await runGuestProgram(backend, machine, ['/bin/mkdir', '-p', '-m', '0700', place], op);
  if (prepared !== 0) throw new ProvisionerError('retry', `VM ${machine.vmid} cannot make ${place} (${prepared})`);
  for (const { name, content } of files)
    await backend.pve.agent.writeFile(machine, `${place}/${name}`, content, op.signal);
  const still = await verified(backend, machine, machine.stamp, op);
  const numbers = [limitSeconds, GRACE_SECONDS, sizeOf(files)].map((number) => String(Math.max(1, Math.ceil(number))));
  try {
    const code = await runGuestProgram(backend, still, ['/bin/sh', `${place}/run`, 'begin', ...numbers], op);
    // An overlapping call was quicker: its script's end is waited for.
    if (code === BEGIN.begun || code === BEGIN.alreadyBegun) return;
    if (code === BEGIN.noTimeout)
      throw new ProvisionerError('config', "The image has no 'timeout' (Debian: coreutils), so it runs no scripts");
    throw new ProvisionerError('retry', `VM ${machine.vmid} did not begin the script (${code})`);
  } catch (error) {
    if (op.signal.aborted || !isProvisionerError(error) || error.kind !== 'unknown-outcome') throw error;
    // The mark tells whether it was begun.
    if ((await markOf(backend, machine, place, op)) === undefined) throw error;
  }
}

/** In which boot it was begun. */
async function markOf(
  backend: Backend,
  machine: Machine,
  place: string,
  ctx: CallContext,
): Promise<string | undefined> {
  return (await readGuestFile(backend, machine, `${place}/begun`, ctx))?.trim();
}

async function awaitEnd(
  backend: Backend,
  machine: Machine,
  { place, limitSeconds }: Run,
  op: Operation,
): Promise<ScriptEnd> {
  const { clock } = backend;
  const began = clock.monotonic();
  const deadline = began + (limitSeconds + GRACE_SECONDS + SLACK_SECONDS) * 1000;
  for (;;) {
    const look = await whenAnswering(backend, deadline, op, () => lookAt(backend, machine, place, op));
    if (look !== 'running') return endOf(backend, machine, place, look, limitSeconds, op);
    if (clock.monotonic() > deadline) throw cutOff('no end of it shows');
    const pauseMs = Math.min(Math.max(FIRST_LOOK_MS, (clock.monotonic() - began) / 10), LONGEST_LOOK_MS);
    await pauseHere(backend, pauseMs, op);
  }
}

interface Exit {
  readonly code: number;
  readonly seconds: number;
}

async function lookAt(backend: Backend, machine: Machine, place: string, op: Operation): Promise<Exit | 'running'> {
  const begun = await markOf(backend, machine, place, op);
  const boot = (await readGuestFile(backend, machine, '/proc/sys/kernel/random/boot_id', op))?.trim();
  // Read last, so that an end between two of these is not missed.
  const text = await readGuestFile(backend, machine, `${place}/exit`, op);
  if (text === undefined) {
    if (begun !== (boot ?? '')) throw cutOff('its machine was started anew meanwhile');
    return 'running';
  }
  // The machine's root may have written anything there.
  const [, code, seconds] = /^([0-9]{1,3}) ([0-9]{1,6})\s*$/.exec(text) ?? [];
  if (code === undefined || seconds === undefined) throw cutOff('its exit code is not readable');
  return { code: Number(code), seconds: Number(seconds) };
}

async function endOf(
  backend: Backend,
  machine: Machine,
  place: string,
  { code, seconds }: Exit,
  limitSeconds: number,
  op: Operation,
): Promise<ScriptEnd> {
  const output = (await readGuestFile(backend, machine, `${place}/last`, op))?.slice(-OUTPUT_CAP) ?? '';
  op.log.info({ vmid: machine.vmid, code, seconds }, 'proxmox: a script in a machine has ended');
  // Not every `timeout` has an exit code of its own for it.
  const timedOut = seconds >= limitSeconds && (code === 124 || code > 128);
  return { ...(timedOut || code > 128 ? {} : { exit: code }), timedOut, seconds, output };
}

const OUTPUT_CAP = 16_384;

/** A machine that boots, or whose agent is renewed, is silent for a while. */
async function whenAnswering<T>(backend: Backend, deadline: number, op: Operation, ask: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      const silent = reasonOf(error) === 'agent-down' || reasonOf(error) === 'agent-timeout';
      if (!silent || op.signal.aborted || backend.clock.monotonic() > deadline) throw error;
      await pauseHere(backend, LONGEST_LOOK_MS, op);
    }
  }
}

/** What was begun goes on without us. */
async function pauseHere({ clock }: Backend, ms: number, op: Operation): Promise<void> {
  try {
    await pause(clock, ms, op);
  } catch (cause) {
    throw new ProvisionerError('unknown-outcome', 'Cancelled while a script runs in a machine', { cause });
  }
}

function cutOff(why: string): ProvisionerError {
  return new ProvisionerError('permanent', `The script was cut off: ${why}`, {
    publicText: 'The deployment was cut off.',
  });
}
