import { z } from 'zod';
import type { TrafficTotals } from './traffic-totals.ts';

/** Where the totals are kept over restarts. */
export interface TrafficStore {
  read(): Promise<Uint8Array | undefined>;
  /** After a crash there are either the old bytes or the new ones. */
  replace(bytes: Uint8Array): Promise<void>;
}

const bytes = { in: z.number().nonnegative(), out: z.number().nonnegative() };
const totals = z.object({
  ...bytes,
  source: z.enum(['gateway', 'backend']),
  counter: z.object(bytes),
  at: z.number(),
  rate: z.object(bytes).exactOptional(),
  hours: z.array(z.object({ hour: z.number(), ...bytes })),
  month: z.object({ name: z.string(), ...bytes }),
});
const file = z.object({ version: z.literal(1), contracts: z.record(z.string(), totals) });

/** The totals by contract. Throws when these are not the bytes of such a file. */
export function parseTraffic(content: Uint8Array): Map<string, TrafficTotals> {
  const { contracts } = file.parse(JSON.parse(Buffer.from(content).toString('utf8')));
  return new Map(Object.entries(contracts));
}

export function formatTraffic(contracts: ReadonlyMap<string, TrafficTotals>): Uint8Array {
  return Buffer.from(`${JSON.stringify({ version: 1, contracts: Object.fromEntries(contracts) })}\n`);
}
