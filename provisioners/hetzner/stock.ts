import { createStock as createSharedStock, type Stock as SharedStock } from '../../src/provisioner/cloud/stock.ts';
import type { Clock } from '../../src/provisioner/index.ts';
import type { Placement } from './placement.ts';

export type Stock = SharedStock<Placement>;

export function createStock(clock: Clock): Stock {
  return createSharedStock(clock, ({ type, location }) => `${type}.${location}`);
}
