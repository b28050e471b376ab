import type { ContractRecord } from '../lifecycle/index.ts';
import { type HealthReport, PlatformError } from '../platform/api.ts';
import type { ContractId } from '../ports/ids.ts';
import type { AgentDeps } from './deps.ts';
import { Loop } from './loop.ts';
import type { SeenPower, Target } from './target.ts';
import type { Worker } from './worker.ts';
import { retryAfterOf } from './work-list.ts';

/** Reports share the platform's 60 writes a minute with locks and heartbeats: this lane takes at most half of them. */
const SHORTEST_GAP_MS = 2_000;

export interface HealthContext {
  readonly deps: AgentDeps;
  readonly workers: ReadonlyMap<ContractId, Worker>;
}

/**
 * Reports the health of every handed-over machine once per interval, one at a time and evenly spread; a machine whose state changed
 * goes first. It reads what the lists saw, so it costs the backend nothing.
 */
export function healthLoop({ deps, workers }: HealthContext): Loop {
  const told = new Map<ContractId, { readonly status: HealthReport['status']; readonly at: number }>();
  return new Loop({
    name: 'health',
    clock: deps.clock,
    random: deps.random,
    log: deps.log,
    interval: () => Math.max(SHORTEST_GAP_MS, deps.settings.healthIntervalMs / Math.max(1, owned(workers).length)),
    retryAfter: retryAfterOf,
    async pass(signal) {
      const next = mostUrgent(owned(workers), told, deps.clock.monotonic(), deps.settings.healthIntervalMs);
      for (const contract of told.keys()) if (!workers.has(contract)) told.delete(contract);
      if (next === undefined) return;
      const report = { ...assess(next), checkedAt: deps.clock.now() };
      told.set(next.contract, { status: report.status, at: deps.clock.monotonic() });
      try {
        await deps.platform.reportHealth(next.contract, report, signal);
      } catch (error) {
        // One contract that the platform does not want to hear of is no reason to slow down for the others.
        if (!(error instanceof PlatformError) || error.kind !== 'refused') throw error;
        next.log.debug({ error }, 'the platform declined a health report');
      }
    },
  });
}

function owned(workers: ReadonlyMap<ContractId, Worker>): Worker[] {
  return [...workers.values()].filter((worker) => worker.record.delivered && worker.record.goal !== 'remove');
}

function mostUrgent(
  workers: readonly Worker[],
  told: ReadonlyMap<ContractId, { readonly status: HealthReport['status']; readonly at: number }>,
  now: number,
  interval: number,
): Worker | undefined {
  let oldest: { worker: Worker; at: number } | undefined;
  for (const worker of workers) {
    const before = told.get(worker.contract);
    if (before !== undefined && assess(worker).status !== before.status) return worker;
    const at = before?.at ?? -Infinity;
    if (oldest === undefined || at < oldest.at) oldest = { worker, at };
  }
  // A little before its time is right too: the pace is kept by the loop, not by this bound.
  return oldest !== undefined && now - oldest.at >= interval * 0.5 ? oldest.worker : undefined;
}

/** The state of a machine as far as it is known. A machine that is off is not up, whoever switched it off. */
export function assess(worker: { readonly record: ContractRecord; readonly target: Target }): Omit<HealthReport, 'checkedAt'> {
  const { record, target } = worker;
  const instance = target.seenOf(record);
  const power: SeenPower = instance?.power ?? 'unknown';
  if (record.goal === 'stop') return { status: 'unhealthy', details: 'stopped: the contract is paused' };
  if (target.problem !== undefined) return { status: 'unknown', details: 'the backend cannot be read' };
  if (power === 'running') {
    const uptime = instance?.uptimeMs;
    return {
      status: 'healthy',
      ...(uptime === undefined ? {} : { details: JSON.stringify({ uptime_seconds: Math.floor(uptime / 1000) }) }),
    };
  }
  if (power === 'stopped') return { status: 'unhealthy', details: 'the machine is off' };
  if (power === 'transition') return { status: 'unknown', details: 'the machine is being started or stopped' };
  return { status: 'unknown', details: 'the backend does not show the machine' };
}
