import { setMaxListeners } from 'node:events';
import { type HealthReport, PlatformError } from '../platform/api.ts';
import type { ContractId } from '../ports/ids.ts';
import { jitter } from '../ports/random.ts';
import type { HealthStatus } from '../telemetry/status.ts';
import type { AgentDeps } from './deps.ts';
import { examine, type Finding, glance } from './examine.ts';
import { Loop } from './loop.ts';
import { retryAfterOf } from './work-list.ts';
import type { Worker } from './worker.ts';

/** Reports share the platform's 60 writes a minute with locks and heartbeats: this lane takes at most half of them. */
const SHORTEST_GAP_MS = 2_000;
/** A machine that is down is looked at more often, so that its outage does not look longer than it was. */
const DOWN_AGAIN_MS = 60_000;
/** A lane that stands still for long is taken for dead. */
const LONGEST_WAIT_MS = 60_000;
const TIDY_EVERY_MS = 86_400_000;
/** So many silent machines at a time, each for several seconds, do not keep the others from their turn. */
const AT_ONCE = 16;

export interface HealthContext {
  readonly deps: AgentDeps;
  readonly workers: ReadonlyMap<ContractId, Worker>;
}

interface Looked {
  readonly finding: Finding;
  /** What the lists said at that time. */
  readonly glance: Finding['state'];
  readonly since: number;
  readonly at: number;
  /** Monotonic ms. */
  readonly dueAt: number;
  readonly reportedAt: number;
}

/**
 * Looks at every handed-over machine once per interval, evenly spread, writes what it saw into the uptime log, and reports it. A
 * machine of which the lists tell something new is looked at right away. Two loops: while the platform is away, or slow, machines
 * are looked at all the same. A paused machine is not asked and not reported: the platform counts every report that is not
 * good as downtime.
 */
export class HealthLane {
  readonly look: Loop;
  readonly report: Loop;
  readonly #context: HealthContext;
  readonly #looked = new Map<ContractId, Looked>();
  readonly #owed = new Map<ContractId, HealthReport>();
  #sentAt = -Infinity;
  #tidiedAt = -Infinity;

  constructor(context: HealthContext) {
    this.#context = context;
    const { clock, random, log } = context.deps;
    const common = { clock, random, log, retryAfter: retryAfterOf };
    this.look = new Loop({
      ...common,
      name: 'health',
      interval: () => this.#untilNext(),
      pass: (signal) => this.#lookAround(signal),
    });
    this.report = new Loop({
      ...common,
      name: 'health-reports',
      interval: () => (this.#owed.size > 0 ? SHORTEST_GAP_MS : LONGEST_WAIT_MS),
      pass: (signal) => this.#sendOne(signal),
    });
  }

  /** What is known of a machine's health. */
  viewOf(contract: ContractId): HealthStatus | undefined {
    const looked = this.#looked.get(contract);
    if (looked === undefined) return undefined;
    const { state, latencyMs, details } = looked.finding;
    return {
      state,
      since: looked.since,
      at: looked.at,
      ...(latencyMs === undefined ? {} : { latencyMs }),
      ...(details === undefined ? {} : { details }),
    };
  }

  /** The lists were read: what changed in them is looked at now, and so is a machine that was handed over since the lane fell asleep. */
  listed(): void {
    const isNews = (worker: Worker): boolean => !this.#looked.has(worker.contract) || this.#hasChanged(worker);
    if (this.#machines().some(isNews)) this.look.wake();
  }

  async #lookAround(signal: AbortSignal): Promise<void> {
    // One listener for each machine is no leak.
    setMaxListeners(0, signal);
    await this.#forget();
    await Promise.all(this.#due().map((worker) => this.#lookAt(worker, signal)));
  }

  /** Changed machines, then those whose time has come, and one that was never looked at: so a start does not ask all at once. */
  #due(): Worker[] {
    const now = this.#context.deps.clock.monotonic();
    const machines = this.#machines();
    const changed = machines.filter((worker) => this.#hasChanged(worker));
    const due = machines
      .filter((worker) => !this.#hasChanged(worker) && this.#dueAt(worker) <= now)
      .sort((a, b) => this.#dueAt(a) - this.#dueAt(b));
    const fresh = machines.find((worker) => !this.#looked.has(worker.contract));
    return [...changed, ...due, ...(fresh === undefined ? [] : [fresh])].slice(0, AT_ONCE);
  }

  #dueAt({ contract }: Worker): number {
    return this.#looked.get(contract)?.dueAt ?? Number.POSITIVE_INFINITY;
  }

  #hasChanged(worker: Worker): boolean {
    const before = this.#looked.get(worker.contract);
    return before !== undefined && glance(worker).state !== before.glance;
  }

  async #lookAt(worker: Worker, signal: AbortSignal): Promise<void> {
    const { deps } = this.#context;
    const { contract } = worker;
    const before = this.#looked.get(contract);
    const seen = glance(worker).state;
    const finding = await this.#examine(worker, before?.finding.state, signal);
    const now = deps.clock.monotonic();
    // A proof of who answered takes its time; it is up when it answered.
    const at = finding.at ?? deps.clock.now();
    const { healthIntervalMs: interval } = deps.settings;
    const changed = finding.state !== before?.finding.state;
    const again = finding.state === 'down' ? Math.min(interval, DOWN_AGAIN_MS) : interval;
    const reports =
      finding.state !== 'paused' && (changed || now - (before?.reportedAt ?? -Infinity) >= interval * 0.75);
    this.#looked.set(contract, {
      finding,
      glance: seen,
      at,
      since: changed ? at : (before?.since ?? at),
      dueAt: now + jitter(deps.random, again, 0.1),
      reportedAt: reports ? now : (before?.reportedAt ?? -Infinity),
    });
    if (changed && before !== undefined)
      worker.log.info({ from: before.finding.state, to: finding.state, details: finding.details }, 'health changed');
    if (reports) {
      this.#owed.set(contract, { ...reportOf(finding), checkedAt: at });
      this.report.wake();
    } else if (finding.state === 'paused') {
      this.#owed.delete(contract);
    }
    const latency = finding.latencyMs === undefined ? {} : { latencyMs: finding.latencyMs };
    await deps.uptime.record(contract, { at: Math.trunc(at), state: finding.state, ...latency });
  }

  /** A fault of ours must cost the other machines nothing. */
  async #examine(worker: Worker, before: Finding['state'] | undefined, signal: AbortSignal): Promise<Finding> {
    try {
      return await examine(this.#context.deps, worker, before, signal);
    } catch (error) {
      if (signal.aborted) throw error;
      worker.log.error({ error }, 'a fault of the agent: a machine could not be looked at');
      return { state: 'unknown', details: 'the agent could not look' };
    }
  }

  async #sendOne(signal: AbortSignal): Promise<void> {
    const { clock, platform } = this.#context.deps;
    const [next] = this.#owed;
    if (next === undefined || clock.monotonic() - this.#sentAt < SHORTEST_GAP_MS * 0.75) return;
    const [contract, report] = next;
    this.#sentAt = clock.monotonic();
    try {
      await platform.reportHealth(contract, report, signal);
    } catch (error) {
      // One contract that the platform does not want to hear of is no reason to slow down for the others.
      if (!(error instanceof PlatformError) || error.kind !== 'refused') throw error;
      this.#context.workers.get(contract)?.log.debug({ error }, 'the platform declined a health report');
    }
    // A newer one may have come in the meantime.
    if (this.#owed.get(contract) === report) this.#owed.delete(contract);
  }

  #untilNext(): number {
    const { clock, settings } = this.#context.deps;
    const machines = this.#machines();
    const pace = Math.max(SHORTEST_GAP_MS, settings.healthIntervalMs / Math.max(1, machines.length));
    if (machines.some((worker) => this.#hasChanged(worker))) return SHORTEST_GAP_MS;
    const next = Math.min(...machines.map((worker) => this.#dueAt(worker))) - clock.monotonic();
    const fresh = machines.some(({ contract }) => !this.#looked.has(contract));
    return Math.max(SHORTEST_GAP_MS / 2, Math.min(fresh ? pace : LONGEST_WAIT_MS, next));
  }

  async #forget(): Promise<void> {
    const { deps, workers } = this.#context;
    for (const contract of this.#looked.keys()) if (!workers.has(contract)) this.#looked.delete(contract);
    for (const contract of this.#owed.keys()) if (!workers.has(contract)) this.#owed.delete(contract);
    if (deps.clock.monotonic() - this.#tidiedAt < TIDY_EVERY_MS) return;
    this.#tidiedAt = deps.clock.monotonic();
    const { records, quarantined } = deps.ledger;
    await deps.uptime.forget((contract) => records.has(contract) || quarantined.has(contract));
  }

  #machines(): Worker[] {
    return [...this.#context.workers.values()].filter(({ record }) => record.delivered && record.goal !== 'remove');
  }
}

function reportOf({ state, latencyMs, details }: Finding): Omit<HealthReport, 'checkedAt'> {
  const status = state === 'up' ? 'healthy' : state === 'down' ? 'unhealthy' : 'unknown';
  return {
    status,
    ...(latencyMs === undefined ? {} : { latencyMs }),
    ...(details === undefined ? {} : { details }),
  };
}
