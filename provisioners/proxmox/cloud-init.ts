import {
  type CallContext,
  CLOUD_INIT_STATUS,
  type CloudInitState,
  cloudInitState,
  type OwnedRef,
} from '../../src/provisioner/index.ts';
import type { Backend } from './backend.ts';
import { reasonOf } from './errors.ts';
import { readGuestFile } from './guest-file.ts';
import { hasAgent } from './machine.ts';
import { requireOwned } from './owned.ts';

/** What will not tell a moment later either: the image has no agent, or the token may not read files. */
const SILENT: ReadonlySet<string | undefined> = new Set([
  'agent-down',
  'agent-timeout',
  'agent-failed',
  'agent-off',
  'no-right',
]);

/** One file, through the guest agent; `create` has waited for that already. */
export async function lookAtCloudInit(backend: Backend, ref: OwnedRef, ctx: CallContext): Promise<CloudInitState> {
  const machine = await requireOwned(backend, ref, ctx);
  if (!hasAgent(machine.config) || backend.clock.monotonic() < backend.silence.until) return { state: 'unknown' };
  try {
    const text = await readGuestFile(backend, machine, CLOUD_INIT_STATUS, ctx);
    return text === undefined ? { state: 'none' } : cloudInitState(text);
  } catch (error) {
    if (SILENT.has(reasonOf(error))) return { state: 'unknown' };
    throw error;
  }
}
