import type { Clock } from '../../src/ports/clock.ts';
import type { Hypervisor } from './hypervisor.ts';
import type { SandboxMachine } from './machine.ts';

/** Everything that a sandbox must keep to go on after a restart. Plain JSON; times are what is left at `savedAt`, in ms. */
export interface SandboxState {
  readonly format: 1;
  /** Unix time in ms. */
  readonly savedAt: number;
  readonly machines: readonly SavedMachine[];
}

type SavedMachine = Omit<SandboxMachine, 'stateEndsAt' | 'startedAt' | 'sshReadyAt'> & {
  readonly stateEndsInMs?: number;
  readonly startedMsAgo?: number;
  readonly sshReadyInMs?: number;
};

/** The monotonic clock starts anew with every process, so only differences to the moment of saving are kept. */
export function saveState(hypervisor: Hypervisor, clock: Clock): SandboxState {
  const now = clock.monotonic();
  return {
    format: 1,
    savedAt: clock.now(),
    machines: [...hypervisor.machines.values()].map(({ stateEndsAt, startedAt, sshReadyAt, ...rest }) => ({
      ...rest,
      ...(stateEndsAt === undefined ? {} : { stateEndsInMs: stateEndsAt - now }),
      ...(startedAt === undefined ? {} : { startedMsAgo: now - startedAt }),
      ...(sshReadyAt === undefined ? {} : { sshReadyInMs: sshReadyAt - now }),
    })),
  };
}

/** Adds the saved machines as if they had gone on all the while: only who told of them was away. */
export function restoreState(hypervisor: Hypervisor, clock: Clock, state: SandboxState): void {
  const now = clock.monotonic() - Math.max(0, clock.now() - state.savedAt);
  for (const { stateEndsInMs, startedMsAgo, sshReadyInMs, ...rest } of state.machines) {
    hypervisor.place({
      ...rest,
      ...(stateEndsInMs === undefined ? {} : { stateEndsAt: now + stateEndsInMs }),
      ...(startedMsAgo === undefined ? {} : { startedAt: now - startedMsAgo }),
      ...(sshReadyInMs === undefined ? {} : { sshReadyAt: now + sshReadyInMs }),
    });
  }
}
