import type { BackendType, DemoBackend, Surroundings } from './backend.ts';
import { findEngine, NEXT, openDocker } from './docker.ts';
import { DemoFailure, reasonOf } from './failure.ts';
import { openSandbox } from './sandbox.ts';

/** The backend that was asked for; unasked, Docker where it can be used, else the sandbox, and the reason is told. */
export async function chooseBackend(wanted: BackendType | undefined, surroundings: Surroundings): Promise<DemoBackend> {
  const { program, say, signal } = surroundings;
  if (wanted === 'sandbox') return openSandbox(surroundings);
  try {
    return await openDocker(await findEngine(program.env, signal), surroundings);
  } catch (error) {
    signal.throwIfAborted();
    if (wanted === 'docker') throw dockerFailure(error);
    say('line', `Docker is not used: ${reasonOf(error)}.`);
    return openSandbox(surroundings);
  }
}

function dockerFailure(error: unknown): DemoFailure {
  if (error instanceof DemoFailure) return error;
  return new DemoFailure('the Docker engine cannot be used', { cause: error, next: NEXT });
}
