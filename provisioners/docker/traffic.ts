import { type CallContext, isProvisionerError, type TrafficSample } from '../../src/provisioner/index.ts';
import type { Engine } from './engine.ts';
import { LABEL, readStamp } from './stamp.ts';

/** The engine needs a call per machine; this many at once keep it busy without keeping everybody else waiting. */
const LANES = 16;

/**
 * Bytes of every running machine of this agent, as the machine sees it. Docker counts per start of a container, so a restart
 * begins at 0 again, and one that is off has no counters. A machine whose counters cannot be read is left out and logged;
 * throws when none could be read.
 */
export async function readTraffic(engine: Engine, agent: string, ctx: CallContext): Promise<TrafficSample[]> {
  const { containers } = await engine.list({ [LABEL.agent]: 'true', [LABEL.agentId]: agent }, ctx.signal);
  const queue = containers.filter(({ State }) => State === 'running');
  const samples: TrafficSample[] = [];
  let failure: unknown;
  const lane = async (): Promise<void> => {
    for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
      const contract = readStamp(next.Labels)?.contract;
      if (contract === undefined) continue;
      try {
        const stats = await engine.stats(next.Id, ctx.signal);
        const networks = Object.values(stats?.networks ?? {});
        if (networks.length === 0) continue;
        samples.push({
          contract,
          bytesIn: networks.reduce((sum, { rx_bytes }) => sum + rx_bytes, 0),
          bytesOut: networks.reduce((sum, { tx_bytes }) => sum + tx_bytes, 0),
        });
      } catch (error) {
        if (!isProvisionerError(error)) throw error;
        failure = error;
        ctx.log.debug({ err: error, contract }, 'docker: could not read traffic counters');
      }
    }
  };
  await Promise.all(Array.from({ length: LANES }, lane));
  if (failure !== undefined && (samples.length === 0 || ctx.signal.aborted)) throw failure;
  return samples;
}
