import {
  addressOf,
  type ContractEvent,
  type ContractRecord,
  type Decision,
  decide,
  type InstanceData,
  mayGoOn,
  type Step,
  type World,
} from '../lifecycle/index.ts';
import type { LockAnswer } from '../platform/api.ts';
import type { Cancel } from '../ports/clock.ts';
import type { ContractId } from '../ports/ids.ts';
import type { Log } from '../ports/log.ts';
import type { AccessRequest } from './access.ts';
import type { ClockWatch } from './clock-watch.ts';
import type { AgentDeps, GatewayDeps } from './deps.ts';
import { failure, Parked } from './failures.ts';
import { LockKeeper } from './lock-keeper.ts';
import { asTold } from './login-user.ts';
import { Requests } from './requests.ts';
import type { RouteLane } from './route-lane.ts';
import { Seen } from './seen.ts';
import type { GiveBack } from './slots.ts';
import { perform } from './steps.ts';
import type { SeenPower, Surplus, Target } from './target.ts';
import type { TrafficBook } from './traffic-book.ts';
import { type Doubt, Whereabouts } from './whereabouts.ts';

export interface WorkerOptions {
  readonly contract: ContractId;
  readonly target: Target;
  readonly deps: AgentDeps;
  readonly clockWatch: ClockWatch;
  /** What the platform wants of a machine that was handed over, by an answer that is still fresh. */
  readonly platformWants: () => 'remove' | 'stop' | undefined;
  /** Whose machine, of all but this contract's, is known to be at an address. */
  readonly holderOf: (address: string) => ContractId | undefined;
  /** Absent without a gateway. */
  readonly routes?: RouteLane;
  readonly traffic: TrafficBook;
  /** A lane that admission has already reserved. */
  readonly lane?: GiveBack;
  readonly onClosed: (contract: ContractId) => void;
}

/** Steps of the way to a machine; they share one lane of the target, so the number of machines in the making is bounded. */
const MAKING: ReadonlySet<Step> = new Set<Step>(['claim', 'announce', 'create']);
const ACTING: ReadonlySet<Step> = new Set<Step>(['destroy', 'prune', 'stop', 'start', 'rekey', 'reset']);
/** Steps that may not outlive the time in which the machine could still be handed over. */
const TIMED: ReadonlySet<Step> = new Set<Step>(['create', 'verify', 'recipe', 'withdraw']);
/** Steps after which an older list knows nothing of the machine any more. */
const CHANGING: ReadonlySet<Step> = new Set<Step>(['create', 'destroy', 'prune', 'stop', 'start']);
/** Steps that a changed goal makes pointless. */
const INTERRUPTIBLE: ReadonlySet<Step> = new Set<Step>([
  ...(['create', 'open-route', 'verify'] as const),
  ...(['recipe', 'withdraw', 'start'] as const),
]);
/** Steps that talk to a machine from outside: pointless when it is off. */
const KNOCKING: ReadonlySet<Step> = new Set<Step>(['open-route', 'verify', 'recipe', 'withdraw']);

/**
 * Carries one contract: asks `decide`, journals the intent, acts, journals the outcome, asks again. One step at a time.
 * Everything it knows that must not be lost is in the ledger; a new worker on the same record goes on where this one stopped.
 */
export class Worker {
  readonly #options: WorkerOptions;
  readonly #log: Log;
  readonly #lock: LockKeeper;
  #lane: GiveBack | undefined;
  #running: Promise<void> | undefined;
  #again = false;
  #timer: Cancel | undefined;
  #cancelDeadline: Cancel | undefined;
  #stopping = false;
  #step: { readonly step: Step; readonly controller: AbortController } | undefined;
  readonly #seen = new Seen();
  readonly #requests = new Requests();
  readonly #whereabouts: Whereabouts;
  #decision: Decision = { kind: 'wait', why: 'starting' };

  constructor(options: WorkerOptions) {
    this.#options = options;
    this.#log = options.deps.log.child({ contract: options.contract, target: options.target.name });
    this.#lane = options.lane;
    this.#whereabouts = new Whereabouts({ ...options, log: this.#log });
    this.#lock = new LockKeeper({
      contract: options.contract,
      deps: options.deps,
      log: this.#log,
      record: () => this.record,
      onEvents: (events) => this.enter(events, 'the lock was lost'),
      onLapsed: () => this.#interrupt('the lock could not be renewed in time'),
    });
  }

  get contract(): ContractId {
    return this.#options.contract;
  }

  get log(): Log {
    return this.#log;
  }

  get target(): Target {
    return this.#options.target;
  }

  get record(): ContractRecord {
    const record = this.#options.deps.ledger.records.get(this.#options.contract);
    if (record === undefined) throw new Error(`no record of contract ${this.#options.contract}`);
    return record;
  }

  /** What it does or waits for at this moment. */
  get state(): { readonly doing?: Step; readonly waitingFor?: string; readonly until?: number } {
    const step = this.#step?.step;
    if (step !== undefined)
      return this.record.running?.step === step ? { doing: step } : { waitingFor: `a free lane to ${step}` };
    if (this.#decision.kind !== 'wait') return {};
    const { why, until } = this.#decision;
    return { waitingFor: why, ...(until === undefined ? {} : { until }) };
  }

  /** Whether a machine is on its way that has not been handed over. */
  get delivering(): boolean {
    return this.record.goal === 'deliver';
  }

  /** Goes on with what an earlier process left. */
  resume(): void {
    const { running } = this.record;
    if (running !== undefined) {
      const { step } = running;
      this.enter([{ type: 'failed', step, kind: 'parked', text: 'the agent ended in the middle of it' }], 'restarted');
    } else this.wake();
  }

  /** Looks again now. */
  wake(): void {
    if (this.#stopping) return;
    if (this.#running !== undefined) {
      this.#again = true;
      this.#reconsider();
      return;
    }
    this.#timer?.();
    this.#timer = undefined;
    this.#running = this.#work()
      .catch((error: unknown) => this.#onFault(error))
      .finally(() => {
        this.#running = undefined;
        if (this.#again) {
          this.#again = false;
          this.wake();
        }
      });
  }

  /** Journals events that came from outside the worker; a changed goal interrupts what it makes pointless. */
  enter(events: readonly ContractEvent[], why: string): void {
    const before = this.record.goal;
    // Durability is awaited by the next intent: the ledger keeps order.
    void this.#options.deps.ledger.append(this.contract, ...events);
    if (this.record.goal !== before && this.record.goal !== 'keep') this.#interrupt(why);
    this.wake();
  }

  /** What a list said of this machine; `begunAt` (monotonic) tells whether it can know of our last step. */
  saw(power: SeenPower, surplus: Surplus, begunAt: number): void {
    const running = this.#step?.step;
    if (running !== undefined && CHANGING.has(running)) return;
    if (!this.#seen.isCurrent(begunAt)) return;
    const before = this.#seen.power;
    if (!this.#seen.take(power, surplus)) return;
    // Nothing may lead to the address of a machine that is gone.
    if (power === 'absent' || before === 'absent') this.#options.routes?.wake();
    // Nobody can log in to a machine that is off or gone.
    const off = power === 'stopped' || power === 'absent';
    if (off && running !== undefined && KNOCKING.has(running)) this.#interrupt(`the machine is ${power}`);
    this.wake();
  }

  /** Where a list shows the machine: one that was given another address is led to there from now on. Never rejects. */
  async sawAt(instance: InstanceData, begunAt: number): Promise<void> {
    if (!this.#mayMove(begunAt)) return;
    try {
      if (!(await this.#whereabouts.hasMoved(this.record, instance)) || !this.#mayMove(begunAt)) return;
    } catch (error) {
      this.#log.error({ error }, 'a fault of the agent: a machine could not be looked for');
      return;
    }
    const { instance: known } = this.record;
    if (known === undefined) return;
    this.#log.warn(
      { from: addressOf(known), to: addressOf(instance) },
      'the machine has another address: its route follows',
    );
    this.enter([{ type: 'instance', instance: asTold({ ...known, ...instance }, known.ssh?.user) }], 'another address');
    // It knocks where the machine was.
    const running = this.#step?.step;
    if (running !== undefined && KNOCKING.has(running)) this.#interrupt('the machine has another address');
  }

  /** Whether a list that was begun then may say where the machine is. */
  #mayMove(begunAt: number): boolean {
    const { instance, machine, route, closedAt } = this.record;
    if (route === undefined || route.ipv4 !== undefined || instance === undefined) return false;
    if (machine !== 'made' || closedAt !== undefined) return false;
    const running = this.#step?.step;
    return this.#seen.isCurrent(begunAt) && !(running !== undefined && CHANGING.has(running));
  }

  /** What the platform lists for this contract as asked for by the tenant. */
  asked(request: AccessRequest): void {
    if (this.#requests.list(request)) this.wake();
  }

  resetPassword(sealFor?: string): void {
    this.#requests.askPassword(sealFor);
    this.wake();
  }

  /** Where its backend shows the machine although it does not answer there. */
  get doubt(): Doubt | undefined {
    return this.#whereabouts.doubt;
  }

  get power(): SeenPower | undefined {
    return this.#seen.power;
  }

  /**
   * Begins nothing more; resolves when the running step has ended, or with `waiver`. `force` ends it: it is parked and resumed by
   * the next start.
   */
  async stop(force: AbortSignal, waiver: Promise<void>): Promise<void> {
    this.#stopping = true;
    this.#timer?.();
    const onForce = (): void => this.#step?.controller.abort(new Parked('the agent is stopping'));
    if (force.aborted) onForce();
    force.addEventListener('abort', onForce, { once: true });
    await Promise.race([this.#running, waiver]);
    force.removeEventListener('abort', onForce);
    this.#cancelDeadline?.();
    this.#lock.stop();
    this.#whereabouts.stop();
    this.#freeLane();
  }

  /** A fault of ours: it must cost neither the other contracts nor this one's machine. */
  #onFault(error: unknown): void {
    this.#log.error({ error }, 'a fault of the agent: this contract is looked at again later');
    if (!this.#stopping) this.#timer = this.#options.deps.clock.after(FAULT_PAUSE_MS, () => this.wake());
  }

  #interrupt(why: string): void {
    if (this.#step !== undefined && INTERRUPTIBLE.has(this.#step.step)) this.#step.controller.abort(new Parked(why));
  }

  /** Ends a running step that takes a machine from somebody and that the platform does not want any more, or has not said so lately. */
  #reconsider(): void {
    const running = this.#step;
    if (running === undefined || this.record.running?.step !== running.step) return;
    if (mayGoOn(running.step, this.record, this.#world(), this.#options.deps.clock.now())) return;
    running.controller.abort(new Parked('the platform does not want it any more, or has not said so lately'));
  }

  /** A verdict grows old without anybody saying so. */
  #reconsiderAfter(step: Step): Cancel {
    if (step !== 'stop' && step !== 'destroy') return () => {};
    const { clock } = this.#options.deps;
    const again = (): Cancel =>
      clock.after(RECONSIDER_MS, () => {
        this.#reconsider();
        cancel = again();
      });
    let cancel = again();
    return () => cancel();
  }

  async #work(): Promise<void> {
    const { deps } = this.#options;
    while (!this.#stopping) {
      const decision = decide(this.record, this.#world(), deps.settings.policy, deps.clock.now());
      this.#decision = decision;
      if (decision.kind === 'wait') return this.#sleep(decision.until);
      if (decision.kind === 'close') return this.#close(decision.why);
      if (decision.kind === 'goal') {
        const { kind: _kind, ...goal } = decision;
        await deps.ledger.append(this.contract, { type: 'goal', ...goal });
        this.#log.info({ goal: goal.goal, reason: goal.reason, why: goal.why }, 'goal changed');
      } else {
        await this.#act(decision.step, decision.why);
      }
    }
  }

  #world(): World {
    const { clockWatch, deps, platformWants, target } = this.#options;
    const lockLeftMs = this.#lock.leftMs;
    const wanted = platformWants();
    return {
      can: target.can,
      ...(lockLeftMs === undefined ? {} : { lockLeftMs }),
      ...(this.#seen.power === undefined ? {} : { power: this.#seen.power }),
      ...(clockWatch.trusted ? {} : { clockSuspect: true }),
      ...(wanted === undefined ? {} : { platformWants: wanted }),
      ...(this.#seen.hasSurplus ? { surplus: true } : {}),
      ...gatewayFacts(deps.gateway),
      asked: this.#requests.wanted,
    };
  }

  async #act(step: Step, why: string): Promise<void> {
    const { deps, target } = this.#options;
    const controller = new AbortController();
    this.#step = { step, controller };
    let giveBack: GiveBack | undefined;
    try {
      const making = MAKING.has(step) && this.record.goal === 'deliver' && this.record.machine !== 'made';
      if (making && this.#lane === undefined) {
        this.#lane = target.creating.tryTake();
        if (this.#lane === undefined) {
          this.#lane = await target.creating.take(controller.signal);
          // The lock may have run out in the queue, or the contract ended: what is right now is decided anew.
          return;
        }
      }
      if (ACTING.has(step)) {
        giveBack = target.acting.tryTake();
        if (giveBack === undefined) {
          giveBack = await target.acting.take(controller.signal);
          if (!this.#isStill(step)) return;
        }
      }
      if (this.#stopping) return;
      await this.#journalled(step, why, controller.signal);
      this.#updateLane();
    } catch (error) {
      // Interrupted while waiting for a lane: nothing was begun.
      if (!controller.signal.aborted) throw error;
    } finally {
      giveBack?.();
      this.#step = undefined;
      if (CHANGING.has(step)) this.#seen.forget(deps.clock.monotonic());
    }
  }

  /** Whether a step is still what is wanted, after some wait. */
  #isStill(step: Step): boolean {
    const { deps } = this.#options;
    const decision = decide(this.record, this.#world(), deps.settings.policy, deps.clock.now());
    return decision.kind === 'step' && decision.step === step;
  }

  async #journalled(step: Step, why: string, signal: AbortSignal): Promise<void> {
    const { deps, routes, target, traffic } = this.#options;
    const before = this.record;
    const attempt = (before.tries[step]?.count ?? 0) + 1;
    const outcomeUnknown = before.running?.step === step || UNKNOWN.has(before.tries[step]?.kind ?? '');
    await deps.ledger.append(this.contract, { type: 'intent', step, attempt });
    this.#log.debug({ step, attempt, why }, 'step begins');
    const beganAt = deps.clock.monotonic();
    this.#cancelDeadline = this.#deadline(step);
    const cancelReconsider = this.#reconsiderAfter(step);
    this.#lock.watch(this.record.goal === 'deliver' && step !== 'claim');
    try {
      const events = await perform(step, {
        deps,
        target,
        record: this.record,
        attempt,
        outcomeUnknown,
        surplus: this.#seen.surplus,
        asked: this.#requests.wanted,
        holderOf: this.#options.holderOf,
        ...(routes === undefined ? {} : { routes }),
        traffic,
        signal,
        log: this.#log,
        onLock: (answer: LockAnswer, askedAt) => this.#lock.learnt(answer, askedAt),
      });
      await this.#outcome(step, events, beganAt);
    } catch (error) {
      const event = failure(step, error, signal);
      await this.#outcome(step, [event], beganAt);
      this.#log.warn({ step, attempt, kind: event.kind, error }, 'step failed');
    } finally {
      this.#cancelDeadline?.();
      cancelReconsider();
      this.#lock.watch(false);
    }
  }

  async #outcome(step: Step, events: readonly ContractEvent[], beganAt: number): Promise<void> {
    // An answer that changes the goal need not say how the step itself went; it is over all the same.
    const ended = events.some((event) => (event.type === 'done' || event.type === 'failed') && event.step === step);
    const overtaken: ContractEvent[] = ended
      ? []
      : [{ type: 'failed', step, kind: 'parked', text: 'overtaken by what the platform says' }];
    const safe = this.#options.deps.ledger.append(this.contract, ...events, ...overtaken);
    this.#requests.served(events);
    if (events.some((event) => event.type === 'done' && event.step === step))
      this.#log.info({ step, ms: Math.round(this.#options.deps.clock.monotonic() - beganAt) }, 'step done');
    // The next intent waits for it; only a step whose repetition costs something waits here.
    if (step === 'create' || step === 'destroy' || step === 'deliver') await safe;
  }

  /** A create may not outlive the time in which its machine could still be handed over. */
  #deadline(step: Step): Cancel | undefined {
    if (!TIMED.has(step) && !(step === 'open-route' && this.delivering)) return undefined;
    const left = this.record.deadlineAt - this.#options.deps.clock.now();
    return this.#options.deps.clock.after(Math.max(left, 1_000), () =>
      this.#interrupt('the time for this contract is over'),
    );
  }

  /** A lane is held from the claim to the made machine, and given up while the contract waits for another try. */
  #updateLane(): void {
    const { goal, machine, tries } = this.record;
    const waits = tries.create !== undefined || tries.claim !== undefined || tries.announce !== undefined;
    if (goal !== 'deliver' || machine === 'made' || waits) this.#freeLane();
  }

  #freeLane(): void {
    this.#lane?.();
    this.#lane = undefined;
  }

  #sleep(until: number | undefined): void {
    if (this.#stopping || until === undefined || !Number.isFinite(until)) return;
    const { clock } = this.#options.deps;
    this.#timer = clock.after(Math.max(1, until - clock.now()), () => this.wake());
  }

  async #close(why: string): Promise<void> {
    this.#lock.stop();
    this.#whereabouts.stop();
    this.#freeLane();
    await this.#options.deps.ledger.append(this.contract, { type: 'closed', why });
    this.#log.info({ why }, 'contract closed');
    this.#stopping = true;
    this.#options.onClosed(this.contract);
  }
}

function gatewayFacts(gateway: GatewayDeps | undefined): Pick<World, 'gateway'> {
  if (gateway === undefined) return {};
  const { dns, policy, port } = gateway;
  return { gateway: { policy, publicIp: port.publicIp, publishes: dns === 'platform' } };
}

const FAULT_PAUSE_MS = 60_000;
/** How often a step that takes a machine from somebody is asked whether it is still wanted. */
const RECONSIDER_MS = 5_000;
const UNKNOWN: ReadonlySet<string> = new Set(['unknown-outcome', 'parked']);
