import { type ContractRecord, type Demand, type RemoveReason } from '../lifecycle/index.ts';
import { type PendingItem, PlatformError } from '../platform/api.ts';
import type { ContractId, OperationId } from '../ports/ids.ts';
import type { ClockWatch } from './clock-watch.ts';
import type { AgentDeps } from './deps.ts';
import { planRecipe, RECIPE_DEFAULTS } from './recipe-order.ts';
import { reserveRoute } from './reserve-route.ts';
import type { RouteLane } from './route-lane.ts';
import type { GiveBack } from './slots.ts';
import { readOrder, targetFor } from './take-work.ts';
import type { Target } from './target.ts';

/** A contract that we have just closed may still be in the list for a moment, or be listed again in error. */
const COOL_DOWN_MS = 60_000;
const LIVELY_MS = 120_000;
/** Pool mates get some time for what we handed back; what the platform called expired it may list for an hour more. */
const COOL_DOWNS: Readonly<Partial<Record<RemoveReason, number>>> = { 'handed-back': 300_000, expired: 3_600_000 };
/** A candidate from an older list is not claimed: another agent has surely been faster. */
const STALE_MS = 15_000;

/**
 * The pause between two looks at the list, ms: short when there is work, and idle still short enough that a tenant waits less than
 * two seconds for a look on average.
 */
export function pollPauseMs(intervalMs: number, pool: 'lively' | 'idle'): number {
  return intervalMs * (pool === 'lively' ? 0.6 : 1.2);
}

export interface WorkContext {
  readonly deps: AgentDeps;
  readonly clockWatch: ClockWatch;
  readonly targets: readonly Target[];
  readonly admitting: () => boolean;
  /** The contracts that are not closed. */
  readonly open: () => Iterable<ContractRecord>;
  /** Undefined without a gateway. */
  readonly routes: () => RouteLane | undefined;
  readonly begin: (contract: ContractId, target: Target, lane: GiveBack) => void;
  /** A contract that was handed over before this list was asked for is in it. */
  readonly onListedAgain: (contract: ContractId) => void;
}

/** Keeps the latest work list, and takes from it what we serve, what fits, and what there is a free lane for. */
export class WorkList {
  readonly #context: WorkContext;
  #items: readonly PendingItem[] = [];
  #askedAt = -Infinity;
  #livelyAt = -Infinity;
  #listedAt = -Infinity;
  #declined = new Map<ContractId, string>();
  /** What the list before this one was declined for, so that nothing is logged at every poll. */
  #declinedBefore: ReadonlyMap<ContractId, string> = new Map();
  #malformed = 0;

  constructor(context: WorkContext) {
    this.#context = context;
  }

  /** What is listed and was not taken, and why. */
  get declined(): ReadonlyMap<ContractId, string> {
    return this.#declined;
  }

  /** True for a while after something was listed that we serve: where one rental comes, the next is likely. */
  get lively(): boolean {
    return this.#context.deps.clock.monotonic() - this.#livelyAt < LIVELY_MS;
  }

  /** One look at the platform's list. */
  async poll(signal: AbortSignal): Promise<void> {
    const { clockWatch, deps } = this.#context;
    const askedAt = deps.clock.now();
    const moment = clockWatch.moment();
    const list = await deps.platform.pendingProvision(signal);
    clockWatch.confirm(moment);
    this.#items = list.items;
    this.#askedAt = askedAt;
    this.#listedAt = deps.clock.monotonic();
    if (list.malformed.length !== this.#malformed && list.malformed.length > 0) {
      deps.log.warn(
        { malformed: list.malformed },
        'the work list holds entries that cannot be read; they are left alone',
      );
    }
    this.#malformed = list.malformed.length;
    this.#declinedBefore = this.#declined;
    this.#declined = new Map();
    this.pump();
  }

  /** Takes what can be taken now; called after each list and whenever a lane becomes free. */
  pump(): void {
    const { deps, admitting } = this.#context;
    if (!admitting() || deps.clock.monotonic() - this.#listedAt > STALE_MS) return;
    const rest: PendingItem[] = [];
    const promised = this.#promised();
    for (const item of this.#items) {
      if (!this.#consider(item, promised)) rest.push(item);
    }
    this.#items = rest;
  }

  /** What each target has promised; added up when first asked for, so that a long list does not count the contracts once per entry. */
  #promised(): (target: Target) => Demand[] {
    const known = new Map<Target, Demand[]>();
    return (target) => {
      const promised = known.get(target) ?? target.promised(this.#context.open());
      known.set(target, promised);
      return promised;
    };
  }

  /** True when the entry needs no further look. */
  #consider(item: PendingItem, promisedBy: (target: Target) => Demand[]): boolean {
    const { deps, targets, begin } = this.#context;
    const { contract } = item;
    if (this.#isKnown(contract)) return true;
    const target = targetFor(item, targets);
    if (target === undefined) return true;
    const { offerings } = target.provisioner.capabilities;
    if (offerings !== undefined && !offerings.includes(item.offering)) {
      const why = `offering ${item.offering} is not one of those that target ${target.name} is set up to serve`;
      return this.#decline(contract, why, true);
    }
    this.#livelyAt = deps.clock.monotonic();
    // Asked first, because it costs nothing: in a burst most entries end here, once per lane that becomes free.
    if (!target.creating.free) return this.#decline(contract, BUSY, false);
    const read = readOrder(item);
    if ('refused' in read) return this.#decline(contract, read.refused, true);
    const planned = planRecipe(read.order, read.wishes, target, deps.settings.recipes ?? RECIPE_DEFAULTS);
    if ('refused' in planned) return this.#decline(contract, planned.refused, true);
    const { order } = planned;
    const promised = promisedBy(target);
    const fit = target.admits(order, promised, deps.settings.memoryHeadroomMb);
    if (!fit.fits) return this.#decline(contract, fit.why, false);
    const reserved = reserveRoute(contract, target, deps, this.#context.routes());
    if ('refused' in reserved) return this.#decline(contract, reserved.refused, false);
    const lane = target.creating.tryTake();
    if (lane === undefined) return this.#decline(contract, BUSY, false);
    this.#declined.delete(contract);
    promised.push(order);
    const now = deps.clock.now();
    void deps.ledger.append(contract, {
      type: 'admitted',
      target: target.name,
      operation: newOperation(deps),
      order,
      deadlineAt: now + deps.settings.policy.deliverWithinMs,
      ...(reserved.route === undefined ? {} : { route: reserved.route }),
    });
    deps.log.info({ contract, target: target.name, offering: item.offering }, 'contract taken from the work list');
    begin(contract, target, lane);
    return true;
  }

  #decline(contract: ContractId, why: string, final: boolean): boolean {
    const { log } = this.#context.deps;
    const before = this.#declined.get(contract) ?? this.#declinedBefore.get(contract);
    if (before !== why && why !== BUSY) log.debug({ contract, why }, 'contract left alone');
    this.#declined.set(contract, why);
    return final;
  }

  #isKnown(contract: ContractId): boolean {
    const { deps } = this.#context;
    if (deps.ledger.quarantined.has(contract)) return true;
    const record = deps.ledger.records.get(contract);
    if (record === undefined) return false;
    if (record.closedAt === undefined) {
      if (wasHandedOver(record, this.#askedAt)) this.#context.onListedAgain(contract);
      return true;
    }
    const wait = (record.reason === undefined ? undefined : COOL_DOWNS[record.reason]) ?? COOL_DOWN_MS;
    const since = deps.clock.now() - record.closedAt;
    return since >= 0 && since < wait;
  }
}

/** The list was asked for after the platform had our report, so it should not hold the contract any more. */
function wasHandedOver(record: ContractRecord, askedAt: number): boolean {
  const settled = record.goal === 'keep' || record.goal === 'stop';
  return settled && record.delivered && record.deliveredAt !== undefined && record.deliveredAt < askedAt;
}

const BUSY = 'all lanes are busy; it is taken as soon as one is free, unless a pool mate is faster';

function newOperation(deps: AgentDeps): OperationId {
  return Buffer.from(deps.random.bytes(16)).toString('hex') as OperationId;
}

/** How long the platform asked us to wait, in ms. */
export function retryAfterOf(error: unknown): number | undefined {
  return error instanceof PlatformError ? error.retryAfterMs : undefined;
}
