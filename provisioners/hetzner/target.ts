import { type AgentId, type Clock, type Log, ProvisionerError, sleep } from '../../src/provisioner/index.ts';
import type { Actions, Ending } from './actions.ts';
import type { HetznerApi } from './api.ts';
import type { Catalogue } from './catalogue.ts';
import type { Asking, HetznerClient } from './client.ts';
import type { Fleet } from './fleet.ts';
import type { ProjectKey } from './keys.ts';
import type { Leftover } from './leftovers.ts';
import type { Page } from './pages.ts';
import type { Reader } from './reader.ts';
import type { HetznerSettings } from './schema.ts';
import type { Stock } from './stock.ts';

/** What the rooms of one open target share. */
export interface Target {
  readonly settings: HetznerSettings;
  readonly agent: AgentId;
  readonly clock: Clock;
  readonly log: Log;
  readonly client: HetznerClient;
  readonly api: HetznerApi;
  readonly actions: Actions;
  readonly reader: Reader;
  readonly catalogue: Catalogue;
  readonly key: ProjectKey;
  readonly stock: Stock;
  readonly fleet: Fleet;
  /** What of this agent is there and is no server, as it is now; whoever asks at the same moment shares the answer. */
  leftovers(asking: Asking): Promise<Page<Leftover>>;
}

/** Sleeps; a cancelled sleep is an error of the one kind that plugins throw. */
export async function pause({ clock }: Pick<Target, 'clock'>, ms: number, signal: AbortSignal): Promise<void> {
  await sleep(clock, ms, signal).catch((cause: unknown) => {
    throw new ProvisionerError('retry', 'Cancelled while waiting for Hetzner', { cause });
  });
}

/** Then the server is looked at again, whatever the action is. */
const LONGEST_WAIT_MS = 30_000;

/**
 * For a server that is locked or on its way somewhere: waits for what is being done to it, or for `ms` where the API shows
 * nothing being done.
 */
export async function waitForServer(
  target: Pick<Target, 'api' | 'actions' | 'clock'>,
  id: number,
  ms: number,
  asking: Asking,
): Promise<readonly Ending[]> {
  const running = await target.api.running(id, asking);
  if (running.length === 0) {
    await pause(target, ms, asking.signal);
    return [];
  }
  return target.actions.settle(running, asking, LONGEST_WAIT_MS);
}

/** The first ending that is an error. */
export function failureIn(endings: readonly Ending[]): Extract<Ending, { state: 'error' }> | undefined {
  return endings.find((ending) => ending.state === 'error');
}
