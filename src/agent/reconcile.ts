import type { ContractEvent, ContractRecord } from '../lifecycle/index.ts';
import type { Reconciliation, RunningInstance } from '../platform/api.ts';
import type { ContractId, OperationId } from '../ports/ids.ts';
import type { ClockWatch } from './clock-watch.ts';
import type { AgentDeps } from './deps.ts';
import { canBeKept, type Sightings } from './sightings.ts';
import { instanceData } from './steps.ts';
import type { SeenPower, Target } from './target.ts';
import type { Worker } from './worker.ts';

export interface ReconcileContext {
  readonly deps: AgentDeps;
  readonly targets: readonly Target[];
  readonly workers: ReadonlyMap<ContractId, Worker>;
  readonly sightings: Sightings;
  readonly clockWatch: ClockWatch;
  /** A machine that was removed is there again. */
  readonly onReappeared: (record: ContractRecord, operation: OperationId) => void;
}

/**
 * Looks at one backend with one list call, and tells the workers of its machines what is there. A list that failed tells nothing. Each
 * target has a lane of its own for this, so that one that does not answer keeps nobody from seeing the others.
 */
export async function observeTarget(context: ReconcileContext, target: Target, signal: AbortSignal): Promise<void> {
  const begunAt = context.deps.clock.monotonic();
  const [listing] = await Promise.all([target.list(signal), target.measure(signal)]);
  if (listing === undefined) return;
  tellWorkers(context, target, listing.complete, begunAt);
  findReappeared(context, target);
}

function tellWorkers(context: ReconcileContext, target: Target, complete: boolean, begunAt: number): void {
  for (const worker of context.workers.values()) {
    if (worker.target !== target) continue;
    const seen = target.seenOf(worker.record);
    if (seen !== undefined) void worker.sawAt(instanceData(seen), begunAt);
    const power = seenPower(worker.record, target, complete);
    if (power !== undefined) worker.saw(power, target.surplusOf(worker.record), begunAt);
  }
}

function seenPower(record: ContractRecord, target: Target, complete: boolean): SeenPower | undefined {
  const instance = target.seenOf(record);
  if (instance !== undefined) return instance.power;
  return complete && record.machine === 'made' ? 'absent' : undefined;
}

/** The ledger says removed, the backend shows our stamp: the removal did not hold, so it is done again. */
function findReappeared(context: ReconcileContext, target: Target): void {
  for (const [contract, instances] of target.seen) {
    const record = context.deps.ledger.records.get(contract);
    if (record?.closedAt === undefined || record.target !== target.name || record.goal !== 'remove') continue;
    const ours = [record.operation, ...(record.earlierOperations ?? [])];
    const [found] = ours.filter((operation) => instances.some(({ stamp }) => stamp.operation === operation));
    if (found !== undefined) context.onReappeared(record, found);
  }
}

/** Asks the platform about every contract that has, or may have, a machine here, in whatever power state. */
export async function askPlatform(context: ReconcileContext, signal: AbortSignal): Promise<void> {
  const { deps, sightings } = context;
  const asked = [...context.workers.values()]
    .map((worker) => worker.record)
    .filter((record) => record.machine !== 'none');
  if (asked.length === 0) {
    sightings.take(NOTHING, [], deps.clock.monotonic());
    return;
  }
  const names = new Map(asked.map((record) => [externalName(record), record.contract]));
  const answer = await deps.platform.reconcile(asked.map(asRunning), signal);
  const unknown = answer.unknown.flatMap((one) => names.get(one.externalId) ?? []);
  sightings.take(answer, unknown, deps.clock.monotonic());
  applyKeeps(context, answer);
  applyEndsBeforeDelivery(context, answer);
  applyDooms(context);
  applyForgotten(context);
  // Those that waited for the platform's word to be said again.
  for (const worker of context.workers.values())
    if (worker.record.goal === 'remove' || worker.record.goal === 'stop') worker.wake();
}

const NOTHING: Reconciliation = { keep: [], terminate: [], unknown: [], pause: [], malformed: 0 };

function asRunning(record: ContractRecord): RunningInstance {
  return { externalId: externalName(record), contractId: record.contract };
}

/** A machine in the making has no name of its backend yet; the platform only echoes it. */
function externalName(record: ContractRecord): string {
  return record.instance?.externalId ?? `operation-${record.operation}`;
}

/** `keep` is also how a resume looks: there is no other message. */
function applyKeeps(context: ReconcileContext, answer: Reconciliation): void {
  for (const { contract, endsAt } of answer.keep) {
    const worker = context.workers.get(contract);
    if (worker === undefined) continue;
    const events: ContractEvent[] = [];
    if (endsAt !== undefined && endsAt !== worker.record.endsAt) events.push({ type: 'ends', endsAt });
    if (worker.record.goal === 'stop') events.push({ type: 'goal', goal: 'keep', why: 'resumed by the platform' });
    if (canBeKept(worker.record))
      events.push({ type: 'goal', goal: 'keep', why: 'the platform wants it kept after all' });
    if (events.length > 0) worker.enter(events, 'resumed');
  }
}

/** Nobody uses a machine that was not handed over, so the platform's word is enough. */
function applyEndsBeforeDelivery(context: ReconcileContext, answer: Reconciliation): void {
  for (const { contract, reason } of answer.terminate) {
    const worker = context.workers.get(contract);
    if (worker === undefined || worker.record.goal !== 'deliver' || worker.record.maybeDelivered) continue;
    worker.enter([removal(reason, `the platform says ${reason}`)], `the contract is ${reason}`);
  }
}

function applyDooms(context: ReconcileContext): void {
  const { deps, sightings } = context;
  const { clock, settings, ledger, log } = deps;
  const { act, held } = sightings.judge(
    ledger.records,
    settings.policy,
    clock.monotonic(),
    context.clockWatch.trusted ? clock.now() : undefined,
  );
  if (held.length > 0) {
    log.error(
      { held: held.length },
      'the platform wants unusually many machines ended at once: they are kept until it has said so for a while, or "dc-agent approve"',
    );
  }
  for (const { contract, doom, approved } of act) {
    const why = `the platform says ${doom.reason}${approved ? ', and an operator approved' : ''}`;
    const event: ContractEvent =
      doom.goal === 'remove' ? removal(doom.reason, why) : { type: 'goal', goal: 'stop', why };
    context.workers.get(contract)?.enter([event], why);
  }
}

function removal(reason: string, why: string): ContractEvent {
  return { type: 'goal', goal: 'remove', reason: reason === 'expired' ? 'expired' : 'cancelled', why };
}

/** The platform forgets contracts long after their end. Only our own record of the paid time makes that believable. */
function applyForgotten(context: ReconcileContext): void {
  const { clock, settings, ledger } = context.deps;
  if (!context.clockWatch.trusted) return;
  for (const [contract, since] of context.sightings.unknown) {
    const endsAt = ledger.records.get(contract)?.endsAt;
    const worker = context.workers.get(contract);
    if (worker === undefined || worker.record.goal === 'remove' || endsAt === undefined) continue;
    const { orphanGraceMs } = settings.policy;
    if (clock.monotonic() - since < orphanGraceMs || clock.now() - endsAt < orphanGraceMs) continue;
    worker.enter([removal('expired', 'its paid time is over, and the platform does not know it any more')], 'expired');
  }
}
