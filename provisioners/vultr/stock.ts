import { createStock as createSharedStock, type Stock as SharedStock } from '../../src/provisioner/cloud/stock.ts';
import type { Clock } from '../../src/provisioner/index.ts';
import type { Placement } from './placement.ts';

export type Stock = SharedStock<Placement>;

/** A deleted instance is counted for some minutes more. */
const ACCOUNT_PAUSE_MS = 180_000;

export function createStock(clock: Clock): Stock {
  return createSharedStock(clock, ({ plan, region }) => `${plan} ${region}`, ACCOUNT_PAUSE_MS);
}
