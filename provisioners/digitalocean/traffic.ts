import type { CallContext, Clock, TrafficSample } from '../../src/provisioner/index.ts';
import type { Asking, DoClient } from './client.ts';
import type { Target } from './target.ts';
import { bandwidth, type Droplet } from './wire.ts';

/** What is known of one droplet: bytes since this process first saw it, and until when they are counted. */
interface Meter {
  bytesIn: number;
  bytesOut: number;
  untilS: number;
}

/** Counts the bytes of a target's machines, as far as the API tells. */
export interface Traffic {
  read(ctx: CallContext): Promise<TrafficSample[]>;
}

/** Two requests for each droplet: oftener than this costs more than it tells. */
const FRESH_S = 600;
/** Samples come late; what is younger is left to the next look. */
const SETTLED_S = 120;
/** A gap between two samples counts as so many seconds at most: the droplet was off, or was not measured. */
const LONGEST_STEP_S = 300;
const BYTES_PER_MBIT = 125_000;

/**
 * The API has rates and no counters, so bytes are summed up from samples, beginning when this process first saw a droplet, or when
 * the droplet was made. What moves while no agent runs is not counted, and neither is the private network.
 */
export function createTraffic({ client, fleet, clock }: Pick<Target, 'client' | 'fleet' | 'clock'>): Traffic {
  const openedS = seconds(clock.now());
  const meters = new Map<number, Meter>();
  return {
    async read({ signal }) {
      const asking = { lane: 'look', signal } as const;
      const { own, all } = await fleet.see(asking);
      const samples: TrafficSample[] = [];
      for (const { droplet, stamp } of own) {
        if (stamp === undefined) continue;
        const meter = meters.get(droplet.id) ?? { bytesIn: 0, bytesOut: 0, untilS: firstSeen(droplet, openedS, clock) };
        meters.set(droplet.id, meter);
        await bringUpToDate(client, droplet, meter, seconds(clock.now()) - SETTLED_S, asking);
        const { bytesIn, bytesOut } = meter;
        samples.push({ contract: stamp.contract, bytesIn: Math.round(bytesIn), bytesOut: Math.round(bytesOut) });
      }
      const there = new Set(all.entries.map(({ id }) => id));
      for (const id of meters.keys()) if (all.complete && !there.has(id)) meters.delete(id);
      return samples;
    },
  };
}

function firstSeen({ created_at }: Droplet, openedS: number, clock: Clock): number {
  const madeS = seconds(Date.parse(created_at ?? ''));
  return madeS > openedS ? madeS : seconds(clock.now());
}

async function bringUpToDate(
  client: DoClient,
  { id }: Droplet,
  meter: Meter,
  untilS: number,
  asking: Asking,
): Promise<void> {
  if (untilS - meter.untilS < FRESH_S) return;
  const span = { from: meter.untilS, to: untilS };
  // Both, or neither is counted: half of it would be counted again.
  const bytesIn = await moved(client, id, 'inbound', span, asking);
  const bytesOut = await moved(client, id, 'outbound', span, asking);
  meter.bytesIn += bytesIn;
  meter.bytesOut += bytesOut;
  meter.untilS = untilS;
}

async function moved(
  client: DoClient,
  id: number,
  direction: 'inbound' | 'outbound',
  { from, to }: { readonly from: number; readonly to: number },
  { lane, signal }: Asking,
): Promise<number> {
  const query = new URLSearchParams({
    host_id: String(id),
    interface: 'public',
    direction,
    start: String(from),
    end: String(to),
  });
  const { data } = await client.get({
    doing: `tell what droplet ${id} moved`,
    path: `/monitoring/metrics/droplet/bandwidth?${query.toString()}`,
    lane,
    signal,
    answer: bandwidth,
  });
  return bytesOf(data.result[0]?.values ?? [], from);
}

/** Each sample is the rate, in Mbit/s, since the one before. */
export function bytesOf(values: readonly (readonly [number, string])[], from: number): number {
  let bytes = 0;
  let last = from;
  for (const [at, text] of values) {
    const rate = Number(text);
    const step = Math.min(Math.max(0, at - last), LONGEST_STEP_S);
    last = Math.max(last, at);
    if (Number.isFinite(rate) && rate > 0) bytes += rate * BYTES_PER_MBIT * step;
  }
  return bytes;
}

const seconds = (ms: number): number => Math.floor(ms / 1_000);
