import {
  type Clock,
  type GuestScript,
  type Operation,
  ProvisionerError,
  type ScriptEnd,
} from '../../src/provisioner/index.ts';
import type { SandboxClient } from './client.ts';
import { pause } from './converge.ts';
import type { Machine } from './schema.ts';

/** For the machine to notice, beside the script's own time. */
const SLACK_MS = 30_000;
const LOOK_EVERY_MS = 250;

/** Begins a script under the operation's id, or finds the one that an earlier call began, and waits for its end. */
export async function runScript(
  client: SandboxClient,
  clock: Clock,
  find: () => Promise<Machine | undefined>,
  { content, limitSeconds }: GuestScript,
  op: Operation,
): Promise<ScriptEnd> {
  const deadline = clock.monotonic() + limitSeconds * 1000 + SLACK_MS;
  for (;;) {
    const machine = await find();
    if (machine === undefined)
      throw new ProvisionerError('retry', 'the machine of this contract is not there any more');
    const state = await client.script(machine, { id: op.id, content, limit_seconds: limitSeconds }, op.signal);
    if (state === 'busy' || state === 'absent')
      throw new ProvisionerError('retry', `machine ${machine.id} does not run`);
    if (state.state === 'ended') {
      const { exit, timed_out: timedOut, seconds, output } = state;
      return { timedOut, seconds, output, ...(exit === null || timedOut ? {} : { exit }) };
    }
    if (state.state === 'cut-off' || clock.monotonic() > deadline)
      throw new ProvisionerError('permanent', 'The script was cut off by the end of its machine', {
        publicText: 'The deployment was cut off: the machine was restarted, or what ran it was ended.',
      });
    await pause(clock, LOOK_EVERY_MS, op.signal);
  }
}
