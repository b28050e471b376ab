import type { Route } from '../gateway/port.ts';
import type { Heartbeat } from '../platform/api.ts';
import type { ContractId } from '../ports/ids.ts';
import { withDeadline } from './deadline.ts';
import type { AgentDeps } from './deps.ts';
import { Loop } from './loop.ts';
import type { Target } from './target.ts';
import { formatTraffic, parseTraffic } from './traffic-file.ts';
import { addSample, monthOf, type TrafficSource, type TrafficTotals } from './traffic-totals.ts';

const READ_DEADLINE_MS = 10_000;
const EVERY_MS = 60_000;

/**
 * Adds up what every machine moves, over restarts of counters, of hosts, and of the agent. A counter is looked at once a minute, and
 * just before what may end it: a change of routes, a stop, a removal. Nothing waits for it for longer than a read may take.
 */
export class TrafficBook {
  readonly loop: Loop;
  readonly #deps: AgentDeps;
  readonly #targets: readonly Target[];
  #totals = new Map<string, TrafficTotals>();
  /** As on the disk: what was told to the platform must never become less, whatever dies next. */
  #saved: ReadonlyMap<string, TrafficTotals> = new Map();
  #opened: Promise<void> | undefined;
  #changed = false;
  readonly #noted = new Map<string, string>();

  constructor(deps: AgentDeps, targets: readonly Target[]) {
    const { clock, random, log } = deps;
    this.#deps = deps;
    this.#targets = targets;
    this.loop = new Loop({
      name: 'traffic',
      clock,
      random,
      log,
      interval: () => EVERY_MS,
      pass: async (signal) => {
        for (const target of this.#targets) await this.lookAtBackend(target, signal);
        await this.save();
      },
    });
  }

  of(contract: string): TrafficTotals | undefined {
    return this.#totals.get(contract);
  }

  /** Contracts that are over their monthly allowance; with the month it ends. */
  get over(): readonly string[] {
    return [...this.#totals.keys()].filter((contract) => this.#isOver(contract) && this.#isOpen(contract));
  }

  /** The route as it is to be now: slow while its machine's allowance is used up, where that is what follows. */
  paced(route: Route): Route {
    const slow = this.#deps.gateway?.allowanceAction === 'throttle' && this.#isOver(route.contract);
    return slow ? { ...route, pace: 'slow' } : route;
  }

  /** What the platform is told: sums over the contract's life. It wants a slug, so only machines behind this host count. */
  stats(): NonNullable<Heartbeat['bandwidthStats']> {
    return [...this.#deps.ledger.records.values()].flatMap(({ contract, route, closedAt, delivered }) => {
      const totals = this.#saved.get(contract);
      if (totals === undefined || route === undefined || closedAt !== undefined || !delivered) return [];
      return [
        {
          gatewaySlug: route.slug,
          contractId: contract,
          bytesIn: Math.floor(totals.in),
          bytesOut: Math.floor(totals.out),
        },
      ];
    });
  }

  async lookAtGateway(signal: AbortSignal): Promise<void> {
    const { gateway } = this.#deps;
    if (gateway === undefined) return;
    await this.#look('gateway', signal, (inner) => gateway.port.traffic(inner));
  }

  async lookAtBackend(target: Target, signal: AbortSignal): Promise<void> {
    const { traffic } = target.provisioner;
    if (traffic === undefined) return;
    const log = this.#deps.log.child({ target: target.name });
    await this.#look('backend', signal, (inner) => traffic({ signal: inner, log }));
  }

  /** Makes what is known outlast this process; does nothing when nothing is new. */
  async save(): Promise<void> {
    const { trafficStore, log } = this.#deps;
    await this.open();
    if (!this.#changed) return;
    this.#changed = false;
    this.#forget();
    const totals = new Map(this.#totals);
    try {
      await trafficStore?.replace(formatTraffic(totals));
      this.#saved = totals;
    } catch (error) {
      this.#changed = true;
      log.warn({ error }, 'traffic totals cannot be saved; it is tried again');
    }
  }

  /** A counter that cannot be read now is read later: nothing is lost by that unless it ends in between. */
  async #look(
    source: TrafficSource,
    signal: AbortSignal,
    read: (
      signal: AbortSignal,
    ) => Promise<readonly { readonly contract: ContractId; readonly bytesIn: number; readonly bytesOut: number }[]>,
  ): Promise<void> {
    const { clock, log } = this.#deps;
    await this.open();
    try {
      const samples = await withDeadline(clock, READ_DEADLINE_MS, signal, read);
      const now = clock.now();
      for (const { contract, bytesIn, bytesOut } of samples)
        this.#add(contract, source, { in: bytesIn, out: bytesOut }, now);
    } catch (error) {
      if (signal.aborted) throw error;
      log.debug({ source, error }, 'byte counters cannot be read now');
    }
  }

  #add(contract: ContractId, source: TrafficSource, counter: { in: number; out: number }, now: number): void {
    if (!this.#deps.ledger.records.has(contract)) return;
    const next = addSample(this.#totals.get(contract), source, counter, now);
    if (next === this.#totals.get(contract)) return;
    this.#totals.set(contract, next);
    this.#changed = true;
    const allowance = this.#deps.gateway?.monthlyAllowanceBytes;
    if (allowance === undefined || next.month.in + next.month.out <= allowance) return;
    if (this.#noted.get(contract) === next.month.name) return;
    this.#noted.set(contract, next.month.name);
    const used = next.month.in + next.month.out;
    this.#deps.log.warn(
      { contract, month: next.month.name, used, allowance },
      'a machine is over its monthly allowance',
    );
  }

  #isOver(contract: string): boolean {
    const { clock, gateway } = this.#deps;
    const used = this.#totals.get(contract)?.month;
    if (used === undefined || gateway?.monthlyAllowanceBytes === undefined) return false;
    return used.name === monthOf(clock.now()) && used.in + used.out > gateway.monthlyAllowanceBytes;
  }

  #isOpen(contract: string): boolean {
    return this.#deps.ledger.records.get(contract as ContractId)?.closedAt === undefined;
  }

  #forget(): void {
    for (const contract of this.#totals.keys())
      if (!this.#deps.ledger.records.has(contract as ContractId)) this.#totals.delete(contract);
  }

  /** Reads what earlier processes have added up: once, before anything is added or told. */
  open(): Promise<void> {
    this.#opened ??= this.#read();
    return this.#opened;
  }

  async #read(): Promise<void> {
    const { trafficStore, log } = this.#deps;
    try {
      const content = await trafficStore?.read();
      if (content !== undefined) this.#totals = parseTraffic(content);
      this.#saved = new Map(this.#totals);
    } catch (error) {
      log.error({ error }, 'the traffic totals of earlier times cannot be read: they begin anew');
    }
  }
}
