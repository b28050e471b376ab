import type { ContractRecord } from '../lifecycle/index.ts';
import { type HealthReport, PlatformError } from '../platform/api.ts';
import { sleep } from '../ports/clock.ts';
import type { ContractId } from '../ports/ids.ts';
import type { Instance } from '../provisioner/contract.ts';
import { withDeadline } from './deadline.ts';
import type { AgentDeps } from './deps.ts';
import { Loop } from './loop.ts';
import { ownedRef, type Target } from './target.ts';
import { retryAfterOf } from './work-list.ts';
import type { Worker } from './worker.ts';

/** Reports share the platform's 60 writes a minute with locks and heartbeats: this lane takes at most half of them. */
const SHORTEST_GAP_MS = 2_000;

/** A health check may log in, or run a script. */
const CHECK_DEADLINE_MS = 120_000;

type Assessment = Omit<HealthReport, 'checkedAt'>;

export interface HealthContext {
  readonly deps: AgentDeps;
  readonly workers: ReadonlyMap<ContractId, Worker>;
}

/** From the first packet to the host key. */
const KNOCK_TIMEOUT_MS = 5_000;
/** One lost packet is no outage: a door that stays shut is knocked at once more, after this long. */
const KNOCK_AGAIN_MS = 3_000;

interface Told {
  readonly status: HealthReport['status'];
  /** What the lists said at that time. */
  readonly seen: HealthReport['status'];
  readonly at: number;
}

/**
 * Reports the health of every handed-over machine once per interval, one at a time and evenly spread; a machine whose state changed
 * goes first. What the lists saw comes first and costs the backend nothing; a machine that should answer is then asked for its
 * host key on the way that its tenant takes.
 */
export function healthLoop({ deps, workers }: HealthContext): Loop {
  const told = new Map<ContractId, Told>();
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
      const seen = assess(next).status;
      const report = { ...(await examine(deps, next, signal)), checkedAt: deps.clock.now() };
      told.set(next.contract, { status: report.status, seen, at: deps.clock.monotonic() });
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

function hasCheck({ record, target }: Worker): boolean {
  return target.provisioner.capabilities.healthCheck === true && record.goal === 'keep';
}

/** What the lists say, what the machine itself answers, and, only where that is silent, what its backend finds. */
async function examine(deps: AgentDeps, worker: Worker, signal: AbortSignal): Promise<Assessment> {
  const seen = assess(worker);
  if (seen.status === 'unhealthy') return seen;
  const answer = await knock(deps, worker, signal);
  if (answer?.status === 'healthy') return seen.status === 'healthy' ? { ...seen, ...answer } : answer;
  const backend = (await check(deps, worker, signal)) ?? seen;
  return answer === undefined || backend.status === 'unhealthy' ? backend : answer;
}

/** Undefined where no login is possible by design. A machine that answers is up, also while its backend cannot be read. */
async function knock(
  deps: AgentDeps,
  { record, target }: Worker,
  signal: AbortSignal,
): Promise<Assessment | undefined> {
  const ssh = record.instance?.ssh;
  if (ssh === undefined || record.goal !== 'keep' || !target.can.needsLogin) return undefined;
  for (let attempt = 1; ; attempt++) {
    const probe = await deps.guest.probeSsh(
      { ...ssh, sshKey: record.order.sshKey, timeoutMs: KNOCK_TIMEOUT_MS, ...expected(record) },
      signal,
    );
    // Keys and host keys are the tenant's own business by now; that something answers is what is promised.
    if (probe.state === 'ready') return { status: 'healthy', latencyMs: Math.round(probe.latencyMs) };
    if (probe.state === 'key-refused') return { status: 'healthy' };
    if (probe.state === 'wrong-host-key')
      return { status: 'healthy', details: 'its host key is another than when it was handed over' };
    if (attempt === 2) return { status: 'unhealthy', details: 'the SSH server does not answer' };
    await sleep(deps.clock, KNOCK_AGAIN_MS, signal);
  }
}

function expected({ hostKey }: ContractRecord): { expectHostKey?: string } {
  return hostKey === undefined ? {} : { expectHostKey: hostKey };
}

/** What a backend with a health check of its own says; undefined where the lists know as much, or it could not tell. */
async function check(deps: AgentDeps, worker: Worker, signal: AbortSignal): Promise<Assessment | undefined> {
  const { record, target, log } = worker;
  const { provisioner } = target;
  if (!hasCheck(worker)) return undefined;
  try {
    const observed = await withDeadline(deps.clock, CHECK_DEADLINE_MS, signal, (inner) =>
      provisioner.observe(ownedRef(record, deps.agent), { signal: inner, log }),
    );
    if (observed.state === 'unknown') return { status: 'unknown', details: observed.why };
    if (observed.state === 'absent') return { status: 'unknown', details: 'the backend does not show the machine' };
    if (observed.unhealthy !== undefined) return { status: 'unhealthy', details: observed.unhealthy };
    return assessInstance(observed.instance);
  } catch (error) {
    if (signal.aborted) throw error;
    log.debug({ error }, 'the health check failed');
    return { status: 'unknown', details: 'the health check failed' };
  }
}

function owned(workers: ReadonlyMap<ContractId, Worker>): Worker[] {
  return [...workers.values()].filter((worker) => worker.record.delivered && worker.record.goal !== 'remove');
}

function mostUrgent(
  workers: readonly Worker[],
  told: ReadonlyMap<ContractId, Told>,
  now: number,
  interval: number,
): Worker | undefined {
  let oldest: { worker: Worker; at: number } | undefined;
  for (const worker of workers) {
    const before = told.get(worker.contract);
    if (before !== undefined && !hasCheck(worker) && assess(worker).status !== before.seen) return worker;
    const at = before?.at ?? -Infinity;
    if (oldest === undefined || at < oldest.at) oldest = { worker, at };
  }
  // A little before its time is right too: the pace is kept by the loop, not by this bound.
  return oldest !== undefined && now - oldest.at >= interval * 0.5 ? oldest.worker : undefined;
}

/** The state of a machine as far as it is known. A machine that is off is not up, whoever switched it off. */
export function assess(worker: { readonly record: ContractRecord; readonly target: Target }): Assessment {
  const { record, target } = worker;
  const instance = target.seenOf(record);
  if (record.goal === 'stop') return { status: 'unhealthy', details: 'stopped: the contract is paused' };
  if (target.problem !== undefined) return { status: 'unknown', details: 'the backend cannot be read' };
  if (instance !== undefined) return assessInstance(instance);
  return { status: 'unknown', details: 'the backend does not show the machine' };
}

function assessInstance({ power, uptimeMs: uptime }: Instance): Assessment {
  if (power === 'running') {
    return {
      status: 'healthy',
      ...(uptime === undefined ? {} : { details: JSON.stringify({ uptime_seconds: Math.floor(uptime / 1000) }) }),
    };
  }
  if (power === 'stopped') return { status: 'unhealthy', details: 'the machine is off' };
  if (power === 'transition') return { status: 'unknown', details: 'the machine is being started or stopped' };
  return { status: 'unknown', details: 'the backend does not show the machine' };
}
