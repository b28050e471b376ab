import type { Stock } from '../../src/provisioner/cloud/stock.ts';
import { type AgentId, type Clock, type Log, ProvisionerError, sleep } from '../../src/provisioner/index.ts';
import type { Actions } from './actions.ts';
import type { DoApi } from './api.ts';
import type { Catalogue } from './catalogue.ts';
import type { DoClient } from './client.ts';
import type { Fleet } from './fleet.ts';
import type { AccountKey } from './keys.ts';
import type { Placement } from './placement.ts';
import type { Reader } from './reader.ts';
import type { DigitalOceanSettings } from './schema.ts';

/** What the rooms of one open target share. */
export interface Target {
  readonly settings: DigitalOceanSettings;
  readonly agent: AgentId;
  readonly clock: Clock;
  readonly log: Log;
  readonly client: DoClient;
  readonly api: DoApi;
  readonly actions: Actions;
  readonly reader: Reader;
  readonly catalogue: Catalogue;
  readonly key: AccountKey;
  readonly stock: Stock<Placement>;
  readonly fleet: Fleet;
}

/** Sleeps; a cancelled sleep is an error of the one kind that plugins throw. */
export async function pause({ clock }: Pick<Target, 'clock'>, ms: number, signal: AbortSignal): Promise<void> {
  await sleep(clock, ms, signal).catch((cause: unknown) => {
    throw new ProvisionerError('retry', 'Cancelled while waiting for DigitalOcean', { cause });
  });
}
