import { type CallContext, isProvisionerError, type TrafficSample } from '../../src/provisioner/index.ts';
import type { Engine } from './engine.ts';
import { LABEL, readStamp } from './stamp.ts';
import type { ListedContainer } from './wire.ts';

/** Docker 20.10 lets each caller wait for its next measurement, up to a second: many may wait at once, it costs nothing. */
const LANES = 32;

export interface CountedTraffic extends TrafficSample {
  /** Milliseconds since the epoch: when the counters stood at 0. Another value than before means that they began anew. */
  readonly countingSince: number;
}

/**
 * Bytes of every running machine of this agent, as the machine sees it. Docker counts per start of a container, so a restart
 * begins at 0 again, and one that is off has no counters. A machine whose counters cannot be read is left out and logged;
 * throws when none could be read.
 */
export async function readTraffic(engine: Engine, agent: string, ctx: CallContext): Promise<CountedTraffic[]> {
  const { containers } = await engine.list({ [LABEL.agent]: 'true', [LABEL.agentId]: agent }, ctx.signal);
  const queue = containers.filter(({ State }) => State === 'running');
  const samples: CountedTraffic[] = [];
  let failure: Error | undefined;
  const lane = async (): Promise<void> => {
    for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
      try {
        const sample = await readOne(engine, next, ctx.signal);
        if (sample !== undefined) samples.push(sample);
      } catch (error) {
        if (!isProvisionerError(error)) throw error;
        failure = error;
        ctx.log.debug({ err: error, machine: next.Id.slice(0, 12) }, 'docker: could not read traffic counters');
      }
    }
  };
  await Promise.all(Array.from({ length: LANES }, lane));
  if (failure !== undefined && (samples.length === 0 || ctx.signal.aborted)) throw failure;
  return samples;
}

/** Undefined when the machine went off meanwhile, or was started anew: its counters and their beginning must belong together. */
async function readOne(engine: Engine, { Id, Labels }: ListedContainer, signal: AbortSignal) {
  const contract = readStamp(Labels)?.contract;
  const stats = contract === undefined ? undefined : await engine.stats(Id, signal);
  const networks = Object.values(stats?.networks ?? {});
  if (contract === undefined || networks.length === 0) return undefined;
  const countingSince = Date.parse((await engine.inspect(Id, signal))?.State.StartedAt ?? '');
  const startedLater = countingSince > Date.parse(stats?.read ?? '');
  if (Number.isNaN(countingSince) || startedLater) return undefined;
  return {
    contract,
    bytesIn: networks.reduce((sum, { rx_bytes }) => sum + rx_bytes, 0),
    bytesOut: networks.reduce((sum, { tx_bytes }) => sum + tx_bytes, 0),
    countingSince,
  };
}
