import { type CallContext, ProvisionerError } from '../../src/provisioner/index.ts';
import type { VmAt } from './api-vms.ts';
import { type Backend, pause } from './backend.ts';

/** For programs that only prepare something. */
const LIMIT_MS = 30_000;
const LOOK_EVERY_MS = 200;

/**
 * Runs a short program in a machine as root, through its guest agent, and resolves with its exit code. Errors: `unknown-outcome` when
 * the answer was lost, or it does not end. Nothing that a tenant chose may be in the arguments.
 */
export async function runGuestProgram(
  { pve, clock }: Pick<Backend, 'pve' | 'clock'>,
  vm: VmAt,
  command: readonly string[],
  ctx: CallContext,
): Promise<number | undefined> {
  const pid = await pve.agent.exec(vm, command, undefined, ctx.signal);
  const began = clock.monotonic();
  for (;;) {
    const { exited, exitCode } = await pve.agent.execStatus(vm, pid, ctx.signal);
    if (exited) return exitCode;
    if (clock.monotonic() - began > LIMIT_MS)
      throw new ProvisionerError('unknown-outcome', `A program in VM ${vm.vmid} does not end: ${command[0] ?? ''}`);
    await pause(clock, LOOK_EVERY_MS, ctx);
  }
}
