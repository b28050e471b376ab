import { probeSsh, type SshProbe, type SshTarget } from './readiness.ts';
import { type Recipe, type RecipeDeps, type RecipeOutcome, runRecipe } from './recipe.ts';
import type { RootAccess } from './recipe-session.ts';
import { type Withdrawal, type WithdrawOutcome, withdrawKey } from './withdraw.ts';

export { CloudInitError, userData } from './cloud-init.ts';
export { type SshKeyPair, sshKeyPair } from './key-pair.ts';
export { type NetworkPart, networkConfig } from './network-config.ts';
export { probeSsh, type SshProbe, type SshTarget } from './readiness.ts';
export { MAX_SCRIPT_BYTES, type Recipe, type RecipeOutcome } from './recipe.ts';
export type { RootAccess } from './recipe-session.ts';
export { cleanSshKey, sshFingerprint, sshKeyBlob } from './ssh-key.ts';
export { waitUntilReady } from './wait.ts';
export type { Withdrawal, WithdrawOutcome } from './withdraw.ts';

/** The port through which the daemon looks and reaches into a tenant's machine from outside. */
export interface Guest {
  probeSsh(target: SshTarget, signal: AbortSignal): Promise<SshProbe>;
  runRecipe(access: RootAccess, recipe: Recipe, deps: RecipeDeps): Promise<RecipeOutcome>;
  withdrawKey(access: RootAccess, what: Withdrawal, deps: RecipeDeps): Promise<WithdrawOutcome>;
}

/** Real sockets. */
export const systemGuest: Guest = {
  probeSsh: (target, signal) => probeSsh({ ...target, signal }),
  runRecipe,
  withdrawKey,
};
