import { type AgentId, type Clock, type Log, ProvisionerError, sleep } from '../../src/provisioner/index.ts';
import type { VultrApi } from './api.ts';
import type { Catalogue } from './catalogue.ts';
import type { Asking, VultrClient } from './client.ts';
import type { Fleet } from './fleet.ts';
import type { Meter } from './meter.ts';
import type { Page } from './pages.ts';
import type { Reader } from './reader.ts';
import type { VultrSettings } from './schema.ts';
import type { Stock } from './stock.ts';
import type { VultrInstance } from './wire.ts';

/** What the rooms of one open target share. */
export interface Target {
  readonly settings: VultrSettings;
  readonly agent: AgentId;
  readonly clock: Clock;
  readonly log: Log;
  readonly client: VultrClient;
  readonly api: VultrApi;
  readonly reader: Reader;
  readonly catalogue: Catalogue;
  readonly stock: Stock;
  readonly fleet: Fleet;
  readonly meter: Meter;
  /** When instances were last asked to start, while it counts: monotonic ms. */
  readonly askedToStart: Map<string, number>;
  /** All of the account, as it is now; whoever asks at the same moment shares the answer. */
  everything(asking: Asking): Promise<Page<VultrInstance>>;
}

/** Sleeps; a cancelled sleep is an error of the one kind that plugins throw. */
export async function pause({ clock }: Pick<Target, 'clock'>, ms: number, signal: AbortSignal): Promise<void> {
  await sleep(clock, ms, signal).catch((cause: unknown) => {
    throw new ProvisionerError('retry', 'Cancelled while waiting for Vultr', { cause });
  });
}

const TICK_MS = 2_000;

/** Sleeps until the next even second: whoever waits for an instance looks at the same moments, and one list serves them all. */
export function untilTick(target: Pick<Target, 'clock'>, signal: AbortSignal): Promise<void> {
  return pause(target, TICK_MS - (target.clock.monotonic() % TICK_MS), signal);
}
