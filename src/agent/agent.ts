import { setMaxListeners } from 'node:events';
import type { ContractRecord } from '../lifecycle/index.ts';
import { type HeartbeatAnswer, PlatformError } from '../platform/api.ts';
import type { Cancel } from '../ports/clock.ts';
import type { ContractId, OperationId } from '../ports/ids.ts';
import { AccessRequests, accessLoop } from './access.ts';
import { addressHolder } from './address-holder.ts';
import { ClockWatch } from './clock-watch.ts';
import type { AgentDeps } from './deps.ts';
import { Parked } from './failures.ts';
import { sealProbe } from './hand-over.ts';
import { HealthLane } from './health.ts';
import { heartbeatLoop } from './heartbeat.ts';
import { passwordProblem } from './login-user.ts';
import { Loop } from './loop.ts';
import { askPlatform, observeTarget, type ReconcileContext } from './reconcile.ts';
import { RouteLane } from './route-lane.ts';
import { Sightings } from './sightings.ts';
import type { GiveBack } from './slots.ts';
import { Target } from './target.ts';
import { TrafficBook } from './traffic-book.ts';
import { pollPauseMs, retryAfterOf, WorkList } from './work-list.ts';
import { Worker } from './worker.ts';

/** A verdict of the platform that is older than so many cycles may have been taken back. */
const FRESH_CYCLES = 3;
const DISK_LOOK_MS = 1_000;

/** Longer than any wait of a lane, its longest back-off and its time limits together. */
const STANDSTILL_MS = 30 * 60_000;

export type AgentPhase = 'starting' | 'running' | 'draining' | 'drained' | 'stopping';

export interface PlatformView {
  state: 'ok' | 'unreachable' | 'unauthorized' | 'clock-skew' | 'unknown';
  problem?: string;
  lastHeartbeatAt?: number;
  lastWorkListAt?: number;
  lastReconcileAt?: number;
}

interface Loops {
  readonly heartbeat: Loop;
  readonly work: Loop;
  readonly reconcile: Loop;
  /** One for each target. */
  readonly watch: readonly Loop[];
  readonly health: Loop;
  readonly healthReports: Loop;
  readonly access: Loop;
}

/**
 * The running daemon: lanes for heartbeat, work list, reconcile, health and access, one to watch each target, and one worker per open contract. The lanes
 * know nothing of each other; whatever one of them misses, its next pass sees.
 */
export class Agent {
  readonly deps: AgentDeps;
  readonly targets: readonly Target[];
  readonly sightings = new Sightings();
  /** What tenants asked for and cannot be given. */
  readonly access = new AccessRequests();
  readonly platform: PlatformView = { state: 'unknown' };
  readonly #workers = new Map<ContractId, Worker>();
  readonly #work: WorkList;
  readonly #clockWatch: ClockWatch;
  readonly health: HealthLane;
  readonly #loops: Loops;
  /** Absent without a gateway. */
  readonly routes: RouteLane | undefined;
  readonly traffic: TrafficBook;
  #phase: AgentPhase = 'starting';
  readonly startedAt: number;

  constructor(deps: AgentDeps) {
    this.deps = deps;
    this.startedAt = deps.clock.now();
    this.#clockWatch = new ClockWatch(deps.clock, deps.clockSkewMs);
    this.targets = deps.targets.map((target) => new Target(target, deps, () => this.#onFreeLane()));
    this.traffic = new TrafficBook(deps, this.targets);
    this.#work = new WorkList({
      deps,
      clockWatch: this.#clockWatch,
      targets: this.targets,
      // With a wrong clock the deadline would be wrong too.
      admitting: () =>
        this.#phase === 'running' &&
        !deps.drain.on &&
        deps.ledger.writeProblem === undefined &&
        this.#clockWatch.trusted,
      open: () => this.#openRecords(),
      routes: () => this.routes,
      begin: (contract, target, lane) => this.#begin(contract, target, lane),
      onListedAgain: (contract) => this.#deliverAgain(contract),
    });
    this.health = new HealthLane({ deps, workers: this.#workers });
    this.#loops = this.#makeLoops();
    const { gateway } = deps;
    if (gateway !== undefined)
      this.routes = new RouteLane({
        deps,
        gateway,
        isAbsent: (record) => this.#isAbsent(record),
        beforeApply: async (signal) => {
          await this.traffic.lookAtGateway(signal);
          await this.traffic.save();
        },
        paced: (route) => this.traffic.paced(route),
      });
  }

  get phase(): AgentPhase {
    if (this.#phase !== 'running' || !this.deps.drain.on) return this.#phase;
    return [...this.#workers.values()].some((worker) => worker.delivering) ? 'draining' : 'drained';
  }

  get workers(): ReadonlyMap<ContractId, Worker> {
    return this.#workers;
  }

  /** False when a lane has stood still for so long that only a restart helps. What a lane waits for has a time limit of its own. */
  get alive(): boolean {
    const { monotonic } = this.deps.clock;
    if (this.#phase !== 'running') return this.#phase !== 'stopping';
    return this.#lanes().every((loop) => monotonic() - loop.lastEndedAt < STANDSTILL_MS);
  }

  get declined(): ReadonlyMap<ContractId, string> {
    return this.#work.declined;
  }

  /** Picks up every contract of the ledger and starts the lanes. Nothing is awaited: an agent whose platform is away runs too. */
  start(): void {
    // Before the workers: theirs would be the first wake.
    this.routes?.start();
    if (this.#backendsCount) this.traffic.loop.start();
    for (const record of this.deps.ledger.records.values()) {
      if (record.closedAt === undefined && !this.deps.ledger.quarantined.has(record.contract)) this.#resume(record);
    }
    this.#phase = 'running';
    this.#loops.heartbeat.start();
    this.#loops.reconcile.start();
    for (const watch of this.#loops.watch) watch.start();
    this.#loops.work.start();
    this.#loops.health.start();
    this.#loops.healthReports.start();
    this.#loops.access.start();
    if (this.deps.drain.on)
      this.deps.log.warn({}, 'still draining, as it was told: new contracts wait for dc-agent resume');
    this.deps.log.info(
      { contracts: this.#workers.size, targets: this.targets.map((target) => target.name) },
      'agent is running',
    );
  }

  /**
   * No new contracts from now on, also after restarts; those that are begun are finished, and machines stay.
   * Rejects when it could not be written down: then it lasts until the next start.
   */
  async drain(): Promise<void> {
    this.deps.log.info({}, 'draining: no new contracts are taken');
    await this.deps.drain.drain();
  }

  /** Rejects, and the agent stays drained, when the state directory refuses it. */
  async resume(): Promise<void> {
    await this.deps.drain.resume();
    this.#loops.work.wake();
  }

  /** Lets the breaker's held ends happen: those named, or all when none is. Returns the contracts concerned. */
  approve(contracts: readonly string[]): readonly ContractId[] {
    const approved = this.sightings.approve(contracts);
    this.#loops.reconcile.wake();
    return approved;
  }

  /** An operator gives a tenant a new password. Returns why that is impossible, or undefined when it is on its way. */
  resetPassword(contract: string, sealFor?: string): string | undefined {
    const worker = this.#workers.get(contract as ContractId);
    if (worker?.record.goal !== 'keep' || !worker.record.delivered) return 'No machine of this contract is in use.';
    if (!worker.target.can.setPassword) return `Target ${worker.target.name} cannot set passwords.`;
    const problem = passwordProblem(worker);
    if (problem !== undefined) return `Target ${worker.target.name}: ${problem}.`;
    if (sealFor !== undefined && sealProbe(this.deps, worker.record, sealFor) === undefined)
      return 'The key to seal for is no Ed25519 public key.';
    worker.resetPassword(sealFor);
    return undefined;
  }

  /** The key to which a contract's password would be sealed before it leaves this host. */
  sealsFor(contract: string, sealFor?: string): string | undefined {
    return sealFor ?? this.#workers.get(contract as ContractId)?.record.order.tenantKey;
  }

  /**
   * Stops in two clocks. Until `graceMs` running steps may end by themselves; then they are interrupted, which parks them: the
   * ledger knows how far they came, and the next start goes on. No machine is touched by stopping.
   */
  async stop(graceMs: number): Promise<void> {
    if (this.#phase === 'stopping') return;
    this.#phase = 'stopping';
    const reason = new Parked('the agent is stopping');
    const force = new AbortController();
    // One listener for each worker is no leak.
    setMaxListeners(0, force.signal);
    const waiver = this.#diskWaiver();
    const cancel = this.deps.clock.after(graceMs, () => {
      force.abort(reason);
      waiver.look();
    });
    await Promise.all([
      ...this.#lanes().map((loop) => Promise.race([loop.stop(reason), waiver.given])),
      ...[...this.#workers.values()].map((worker) => worker.stop(force.signal, waiver.given)),
    ]);
    cancel();
    waiver.cancel();
    await this.traffic.save();
    for (const { provisioner } of this.targets) await provisioner.close?.();
    await this.deps.gateway?.port.close();
  }

  /**
   * What was interrupted still wants to write that down, and waits for as long as the disk refuses. Nobody waits for that: the
   * next start finds an intent without outcome, and looks.
   */
  #diskWaiver(): { readonly given: Promise<void>; look(): void; cancel(): void } {
    const { clock, ledger, log } = this.deps;
    let cancel: Cancel = () => {};
    let give = (): void => {};
    const given = new Promise<void>((resolve) => {
      give = resolve;
    });
    const look = (): void => {
      cancel = clock.after(DISK_LOOK_MS, () => {
        if (ledger.writeProblem === undefined) return look();
        log.error({ problem: ledger.writeProblem }, 'stopping without the last ledger entries: the disk refuses them');
        give();
      });
    };
    return { given, look, cancel: () => cancel() };
  }

  #lanes(): (Loop | RouteLane)[] {
    const { watch, ...others } = this.#loops;
    return [
      ...Object.values(others),
      ...watch,
      ...(this.routes === undefined ? [] : [this.routes]),
      ...(this.#backendsCount ? [this.traffic.loop] : []),
    ];
  }

  get #backendsCount(): boolean {
    return this.targets.some(({ provisioner }) => provisioner.traffic !== undefined);
  }

  #isAbsent({ contract }: ContractRecord): boolean {
    return this.#workers.get(contract)?.power === 'absent';
  }

  #holderOf(address: string, asking: ContractId): ContractId | undefined {
    return addressHolder(address, asking, this.deps.ledger.records.values(), (record) => {
      if (this.#isAbsent(record)) return 'absent';
      return this.#workers.get(record.contract)?.target.seenOf(record);
    });
  }

  *#openRecords(): Iterable<ContractRecord> {
    for (const worker of this.#workers.values()) yield worker.record;
  }

  #onFreeLane(): void {
    if (this.#phase === 'running') this.#work.pump();
  }

  #begin(contract: ContractId, target: Target, lane: GiveBack): void {
    this.#attach(contract, target, lane).wake();
  }

  #resume(record: ContractRecord): void {
    const target = this.targets.find((one) => one.name === record.target);
    if (target === undefined) {
      this.deps.log.error(
        { contract: record.contract, target: record.target },
        'a contract lives on a target that is not configured any more: its machine is left alone until the target is back',
      );
      return;
    }
    this.#attach(record.contract, target).resume();
  }

  #attach(contract: ContractId, target: Target, lane?: GiveBack): Worker {
    const { deps } = this;
    const freshMs = FRESH_CYCLES * deps.settings.reconcileIntervalMs + 60_000;
    const worker = new Worker({
      contract,
      target,
      deps,
      clockWatch: this.#clockWatch,
      ...(this.routes === undefined ? {} : { routes: this.routes }),
      traffic: this.traffic,
      platformWants: () => this.sightings.wordOn(contract, deps.clock.monotonic() - freshMs),
      holderOf: (address) => this.#holderOf(address, contract),
      ...(lane === undefined ? {} : { lane }),
      onClosed: (closed) => this.#workers.delete(closed),
    });
    this.#workers.set(contract, worker);
    return worker;
  }

  /** What we handed over is in the work list: the platform went back to an older day, and must be told again. */
  #deliverAgain(contract: ContractId): void {
    const why = 'the platform lists it as work to be done, although it was handed over';
    this.#workers.get(contract)?.enter(
      [
        { type: 'unannounced', why },
        { type: 'goal', goal: 'deliver', why },
      ],
      why,
    );
  }

  #onReappeared(record: ContractRecord, operation: OperationId): void {
    if (this.#workers.has(record.contract) || this.#phase !== 'running') return;
    this.deps.log.warn({ contract: record.contract }, 'a removed machine is there again: it is removed again');
    void this.deps.ledger.append(record.contract, { type: 'reappeared', operation });
    this.#resume(record);
  }

  #makeLoops(): Loops {
    const { deps, targets, sightings } = this;
    const { clock, random, log, settings } = deps;
    const common = { clock, random, log, retryAfter: retryAfterOf };
    const context: ReconcileContext = {
      deps,
      targets,
      workers: this.#workers,
      sightings,
      clockWatch: this.#clockWatch,
      onReappeared: (record, operation) => this.#onReappeared(record, operation),
    };
    return {
      heartbeat: heartbeatLoop({
        deps,
        clockWatch: this.#clockWatch,
        targets,
        activeContracts: () => this.#activeContracts(),
        traffic: () => this.traffic.stats(),
        onOutcome: (error, answer) => this.#onHeartbeat(error, answer),
      }),
      work: new Loop({
        ...common,
        name: 'work-list',
        interval: () => pollPauseMs(settings.workIntervalMs, this.#work.lively ? 'lively' : 'idle'),
        pass: (signal) => this.#pollWork(signal),
        onOutcome: (error) => this.#note(error, 'lastWorkListAt'),
      }),
      reconcile: new Loop({
        ...common,
        name: 'reconcile',
        interval: () => settings.reconcileIntervalMs,
        pass: async (signal) => {
          // Before the platform is asked: an outage must not let the journal grow.
          if (deps.ledger.wantsCompaction) await deps.ledger.compact();
          await askPlatform(context, signal);
        },
        onOutcome: (error) => this.#note(error, 'lastReconcileAt'),
      }),
      watch: targets.map(
        (target) =>
          new Loop({
            ...common,
            name: `watch ${target.name}`,
            interval: () => settings.reconcileIntervalMs,
            pass: async (signal) => {
              await observeTarget(context, target, signal);
              this.#work.pump();
              this.health.listed();
            },
          }),
      ),
      health: this.health.look,
      healthReports: this.health.report,
      access: accessLoop({ deps, workers: this.#workers, requests: this.access }),
    };
  }

  async #pollWork(signal: AbortSignal): Promise<void> {
    if (this.deps.drain.on) return;
    await this.#work.poll(signal);
  }

  #activeContracts(): number {
    return [...this.#workers.values()].filter((worker) => worker.record.delivered && worker.record.goal !== 'remove')
      .length;
  }

  #onHeartbeat(error: unknown, answer: HeartbeatAnswer | undefined): void {
    this.#note(error, 'lastHeartbeatAt');
    if (error === undefined && answer?.upgradeToVersion !== undefined) {
      this.deps.log.debug(
        { version: answer.upgradeToVersion },
        'the platform suggests a version; it is not acted upon',
      );
    }
  }

  #note(error: unknown, key: 'lastHeartbeatAt' | 'lastWorkListAt' | 'lastReconcileAt'): void {
    if (error === undefined) {
      this.platform.state = 'ok';
      delete this.platform.problem;
      this.platform[key] = this.deps.clock.now();
      return;
    }
    const kind = error instanceof PlatformError ? error.kind : undefined;
    this.platform.state = kind === 'unauthorized' || kind === 'clock-skew' ? kind : 'unreachable';
    this.platform.problem = error instanceof Error ? error.message : 'an error without a message';
  }
}
