import { type Operation, type OwnedRef, ProvisionerError, Secret } from '../../src/provisioner/index.ts';
import { refused } from './errors.ts';
import { findOwned } from './find.ts';
import { present } from './power.ts';
import { failureIn, type Target } from './target.ts';

/** The guest agent answers within seconds, or never. */
const LIMIT_MS = 60_000;

/**
 * Has a new root password made and set inside a running machine by its guest agent, and gives it back; the API shows it this once.
 * The password is good only when the action has succeeded. For images that are known to run the agent: without it the API takes
 * the order and fails later.
 */
export async function newPassword(
  target: Target,
  ref: OwnedRef,
  op: Operation,
): Promise<{ readonly user: string; readonly password: Secret }> {
  const asking = { lane: 'make', signal: op.signal } as const;
  const server = present(await findOwned(target, ref, asking));
  if (server.status !== 'running') {
    throw new ProvisionerError(
      'retry',
      `Server ${server.id} is ${server.status}: its password can be set while it runs`,
    );
  }
  const answer = await target.api.resetPassword(server.id, asking);
  if (!('action' in answer)) throw refused(answer);
  const endings = await target.actions.settle([answer.action], asking, LIMIT_MS);
  if (endings.every(({ state }) => state === 'success')) return { user: 'root', password: new Secret(answer.password) };
  const failure = failureIn(endings);
  if (failure === undefined)
    throw new ProvisionerError('retry', `Server ${server.id} has not taken the new password within a minute`);
  throw new ProvisionerError('config', `No guest agent in server ${server.id} set the password: ${failure.code}`);
}
