import { probeSsh } from './readiness.ts';
import { type Recipe, type RecipeDeps, type RecipeOutcome, runRecipe } from './recipe.ts';
import type { RootAccess } from './recipe-session.ts';
import type { SshProbe, SshTarget } from './ssh-conversation.ts';
import type { SshLine } from './ssh-line.ts';
import { type Withdrawal, type WithdrawOutcome, withdrawKey } from './withdraw.ts';

export { CloudInitError, userData } from './cloud-init.ts';
export { type SshKeyPair, sshKeyPair } from './key-pair.ts';
export { networkConfig } from './network-config.ts';
export { probeSsh } from './readiness.ts';
export { MAX_SCRIPT_BYTES, type Recipe, type RecipeOutcome } from './recipe.ts';
export type { RootAccess } from './recipe-session.ts';
export type { SshProbe, SshTarget } from './ssh-conversation.ts';
export { cleanSshKey, sshFingerprint, sshKeyBlob } from './ssh-key.ts';
export { waitUntilReady } from './wait.ts';
export type { Withdrawal, WithdrawOutcome } from './withdraw.ts';

/** The port through which the daemon looks and reaches into a tenant's machine from outside. */
export interface Guest {
  /** With a line, the looks of one wait share what they may of a connection. */
  probeSsh(target: SshTarget, signal: AbortSignal, line?: SshLine): Promise<SshProbe>;
  runRecipe(access: RootAccess, recipe: Recipe, deps: RecipeDeps): Promise<RecipeOutcome>;
  withdrawKey(access: RootAccess, what: Withdrawal, deps: RecipeDeps): Promise<WithdrawOutcome>;
}

/** Real sockets. */
export const systemGuest: Guest = {
  probeSsh: (target, signal, line) => probeSsh({ ...target, signal, line }),
  runRecipe,
  withdrawKey,
};
