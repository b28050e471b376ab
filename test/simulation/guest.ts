import { publicKeyOf } from '../../simulators/sandbox/host-key.ts';
import type { ScriptState } from '../../simulators/sandbox/scripts.ts';
import type { Guest, RecipeOutcome, RootAccess } from '../../src/guest/index.ts';
import { type Clock, sleep } from '../../src/ports/clock.ts';
import type { Answering, Backend, Gate } from './backend.ts';

const POLL_MS = 250;
/** Beside the script's own time. */
const PATIENCE_MS = 60_000;
/** For cloud-init, before a script is begun. */
const CLOUD_INIT_MS = 300_000;

/**
 * The guest port against simulated machines: what the real one does by SSH, with the same outcomes. It keeps the real one's order: who
 * answers is looked at first, then whether our key is let in, and only then is anything handed over.
 */
export function simulatedGuest(backend: Backend, clock: Clock, gate: Gate): Pick<Guest, 'runRecipe' | 'withdrawKey'> {
  const knock = gate(async (access: RootAccess): Promise<Door> => {
    const answer = backend.answersAt(access.host, access.port);
    if (answer === undefined || !answer.ready) return { state: 'lost' };
    if (answer.hostKey !== access.hostKey) return { state: 'wrong-host-key', hostKey: answer.hostKey };
    const key = publicKeyOf(access.privateKey.reveal());
    return answer.keys.includes(key) ? { state: 'in', answer } : { state: 'key-refused' };
  });
  const script = gate(async (access: RootAccess, order: Parameters<NonNullable<Backend['guest']>['script']>[2]) =>
    backend.guest?.script(access.host, access.port, order),
  );
  const dropKey = gate(async (access: RootAccess, key: string) =>
    backend.guest?.dropKey(access.host, access.port, key),
  );
  const bootState = gate(async ({ host, port }: RootAccess) => backend.guest?.cloudInit(host, port));

  /** What the script's output begins with in a real machine. */
  async function settled(access: RootAccess, signal: AbortSignal): Promise<{ cloudInit?: 'failed' | 'unfinished' }> {
    const deadline = clock.monotonic() + CLOUD_INIT_MS;
    for (;;) {
      const state = await bootState(access);
      if (state === 'failed') return { cloudInit: 'failed' };
      if (state !== 'running') return {};
      if (clock.monotonic() > deadline) return { cloudInit: 'unfinished' };
      await sleep(clock, POLL_MS, signal);
    }
  }

  return {
    async runRecipe(access, { operation, script: content, limitSeconds }, { signal }) {
      const before = await settled(access, signal);
      const deadline = clock.monotonic() + limitSeconds * 1000 + PATIENCE_MS;
      for (;;) {
        const door = await knock(access);
        if (door.state === 'wrong-host-key' || door.state === 'key-refused') return door;
        const state = door.state === 'in' ? await script(access, { id: operation, content, limitSeconds }) : undefined;
        const end = state === undefined ? undefined : outcome(state);
        if (end !== undefined) return end.state === 'finished' ? { ...end, ...before } : end;
        if (clock.monotonic() > deadline) return { state: 'unreachable', why: 'nobody answers' };
        await sleep(clock, POLL_MS, signal);
      }
    },
    async withdrawKey(access, { publicKey }) {
      const door = await knock(access);
      if (door.state === 'wrong-host-key') return door;
      if (door.state === 'lost') return { state: 'not-yet', why: 'nobody answers' };
      if (door.state === 'in') await dropKey(access, publicKey);
      const after = await knock(access);
      return after.state === 'key-refused'
        ? { state: 'withdrawn', refusedFor: ['root'] }
        : { state: 'not-yet', why: after.state };
    },
  };
}

type Door =
  | { readonly state: 'in'; readonly answer: Answering }
  | { readonly state: 'lost' }
  | { readonly state: 'key-refused' }
  | { readonly state: 'wrong-host-key'; readonly hostKey: string };

function outcome(state: ScriptState): RecipeOutcome | undefined {
  if (state.state === 'running') return undefined;
  if (state.state === 'cut-off') return { state: 'interrupted' };
  const { exit, timed_out: late, seconds, output } = state;
  return { state: 'finished', exit: exit ?? 124, inTime: late ? 'no' : 'yes', seconds, output };
}
