import { type CallContext, isProvisionerError } from '../../src/provisioner/index.ts';
import { type Backend, pause } from './backend.ts';
import { reasonOf } from './errors.ts';
import { readGuestFile } from './guest-file.ts';
import type { Machine } from './judge.ts';
import { hasAgent } from './machine.ts';
import { hasSent, NOT_YET } from './wait-address.ts';

/** Where cloud-init says how far it is. In memory, so it is of this boot. */
const STATUS_FILE = '/run/cloud-init/status.json';
const KEY_FILE = '/etc/ssh/ssh_host_ed25519_key.pub';

/** How long a machine may take to send something. Until then nobody can log in either. */
const SILENT_MS = 120_000;
/** And from then on, its agent and cloud-init: what does not answer now is not in the image. */
const AGENT_MS = 8_000;
/** And cloud-init, to make the keys. SSH servers start behind that. */
const KEYS_MS = 60_000;
const LOOK_EVERY_MS = 400;
/** After a machine that told nothing the next ones are not waited for; then the image or the rights may be other ones. */
const NOT_AGAIN_MS = 600_000;

/**
 * The SSH host key of a machine that was just made (`type base64`), from its own file, through the guest agent: no stranger on the
 * network has a part in it. Nobody was told of the machine yet, so what it says is the image's word. Undefined where nothing tells
 * which: no agent, no right to read files, no cloud-init, no Ed25519 key. Throws only on cancellation.
 *
 * cloud-init throws the image's host keys away and makes new ones, so none is believed before its first stage is over.
 */
export async function hostKeyOf(backend: Backend, machine: Machine, ctx: CallContext): Promise<string | undefined> {
  const { clock, silence } = backend;
  if (!hasAgent(machine.config) || clock.monotonic() < silence.until) return undefined;
  try {
    const key = await keyOf(backend, machine, ctx);
    if (key !== undefined) return key;
  } catch (error) {
    if (!isProvisionerError(error) || ctx.signal.aborted) throw error;
    ctx.log.info({ err: error, vmid: machine.vmid }, 'proxmox: the guest agent does not tell the SSH host key');
  }
  silence.until = clock.monotonic() + NOT_AGAIN_MS;
  return undefined;
}

async function keyOf(backend: Backend, machine: Machine, ctx: CallContext): Promise<string | undefined> {
  const { clock } = backend;
  const began = clock.monotonic();
  while (!(await hasSent(backend, machine, ctx))) {
    if (clock.monotonic() - began > SILENT_MS) return undefined;
    await pause(clock, LOOK_EVERY_MS, ctx);
  }
  const spoke = clock.monotonic();
  for (;;) {
    const passed = clock.monotonic() - spoke;
    const stage = await stageOf(backend, machine, ctx);
    if (stage === 'over') return parseKey(await readGuestFile(backend, machine, KEY_FILE, ctx));
    if (passed > (stage === 'silent' ? AGENT_MS : KEYS_MS)) return undefined;
    await pause(clock, LOOK_EVERY_MS, ctx);
  }
}

/** How far cloud-init's first stage is, in which it makes the keys. */
async function stageOf(backend: Backend, machine: Machine, ctx: CallContext): Promise<'silent' | 'under way' | 'over'> {
  try {
    const status = await readGuestFile(backend, machine, STATUS_FILE, ctx);
    if (status === undefined) return 'silent';
    return /"init":\s*\{[^{}]*"finished":\s*[0-9]/.test(status) ? 'over' : 'under way';
  } catch (error) {
    if (NOT_YET.has(reasonOf(error))) return 'silent';
    throw error;
  }
}

function parseKey(line: string | undefined): string | undefined {
  return /^ssh-ed25519 [A-Za-z0-9+/]{68}(?=\s|$)/.exec(line ?? '')?.[0];
}
