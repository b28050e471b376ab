import { Loop } from '../../src/agent/loop.ts';
import { pollPauseMs, retryAfterOf } from '../../src/agent/work-list.ts';
import { apply, type ContractRecord } from '../../src/lifecycle/index.ts';
import { dueAt } from '../../src/lifecycle/retry.ts';
import { PlatformError } from '../../src/platform/api.ts';
import { createBudget, type Priority, type RateBudget, type Tier } from '../../src/platform/budget.ts';
import type { ContractId, OperationId, TargetName } from '../../src/ports/ids.ts';
import { silentLog } from '../../src/ports/log.ts';
import type { Random } from '../../src/ports/random.ts';
import { SeededRandom } from '../simulation/seeded-random.ts';
import type { FleetTime } from './fleet-time.ts';

export const KINDS = ['work list', 'health', 'reconcile', 'requests of tenants', 'heartbeat', 'owed report'] as const;
export type Kind = (typeof KINDS)[number];

export interface FleetOptions {
  readonly agents: number;
  readonly machinesEach: number;
  readonly workIntervalMs: number;
  /** Whether something was rented from each agent's pool lately. Default: idle. */
  readonly pools?: 'lively' | 'idle';
  /** Without: every wait is exactly as long as it says, as in an agent that knows no jitter. */
  readonly jitter: 'on' | 'off';
  /** Over how long the agents are started, ms; 0: all at once. */
  readonly startedOverMs: number;
}

/** The platform as far as rates go: it counts what arrives, and can be away. */
export class Frontdoor {
  readonly #time: FleetTime;
  /** Requests that arrived, by second and kind, answered or not. */
  readonly #seconds = new Map<number, Map<Kind, number>>();
  /** How requests fail while it is away. */
  failure: (() => PlatformError) | undefined;

  constructor(time: FleetTime) {
    this.#time = time;
  }

  async take(kind: Kind): Promise<void> {
    const second = Math.floor(this.#time.monotonic() / 1_000);
    const counts = this.#seconds.get(second) ?? new Map<Kind, number>();
    this.#seconds.set(second, counts);
    counts.set(kind, (counts.get(kind) ?? 0) + 1);
    if (this.failure !== undefined) throw this.failure();
  }

  /** Requests in each second from `from` on, for so many seconds. */
  perSecond(from: number, seconds: number, kind?: Kind): number[] {
    return Array.from({ length: seconds }, (_, index) => {
      const counts = this.#seconds.get(from + index);
      if (counts === undefined) return 0;
      if (kind !== undefined) return counts.get(kind) ?? 0;
      return [...counts.values()].reduce((sum, count) => sum + count, 0);
    });
  }
}

/** Chance without chance: jitter and back-off always come out in their middle. */
const FLAT: Random = { float: () => 0.5, bytes: (count) => new Uint8Array(count), uuid: () => '' };

/** Starts the agents, as loops only: the daemon's own Loop class, rate budget and retry policy, and nothing behind them. */
export async function startFleet(time: FleetTime, door: Frontdoor, options: FleetOptions): Promise<void> {
  const chance = new SeededRandom(7);
  for (let index = 0; index < options.agents; index++) {
    const random = options.jitter === 'on' ? chance.fork() : FLAT;
    time.after(options.startedOverMs * chance.float(), () => startLoops(time, door, random, options));
  }
}

function startLoops(time: FleetTime, door: Frontdoor, random: Random, options: FleetOptions): void {
  const budget = createBudget({ clock: time });
  const loop = (
    name: Kind,
    tier: Tier,
    priority: Priority,
    interval: (failed: boolean) => number,
    callsEach = 1,
  ): void => {
    let failed = false;
    new Loop({
      name,
      clock: time,
      random,
      log: silentLog,
      interval: () => interval(failed),
      retryAfter: retryAfterOf,
      onOutcome: (error) => (failed = error !== undefined),
      async pass(signal) {
        failed = true;
        for (let call = 0; call < callsEach; call++) {
          await budget.take(tier, priority, signal);
          await door.take(name);
        }
        failed = false;
      },
    }).start();
  };
  loop('heartbeat', 'write', 'heartbeat', (failed) => (failed ? 5_000 : 60_000));
  loop('reconcile', 'write', 'report', () => 30_000);
  loop('requests of tenants', 'read', 'report', () => 30_000, 2);
  loop('work list', 'read', 'report', () => pollPauseMs(options.workIntervalMs, options.pools ?? 'idle'));
  loop('health', 'write', 'routine', () => Math.max(2_000, 300_000 / Math.max(1, options.machinesEach)));
}

/** One contract for each agent whose report the platform does not have yet: tried until it has. */
export function oweReports(time: FleetTime, door: Frontdoor, agents: number): { readonly owed: number } {
  const state = { owed: agents };
  for (let index = 0; index < agents; index++) {
    const contract = index.toString(16).padStart(64, '0') as ContractId;
    const budget = createBudget({ clock: time });
    void report(time, door, budget, inDelivery(contract, time.now())).then(() => state.owed--);
  }
  return state;
}

async function report(time: FleetTime, door: Frontdoor, budget: RateBudget, begun: ContractRecord): Promise<void> {
  let record = begun;
  for (;;) {
    const wait = dueAt(record, 'deliver', time.now()) - time.now();
    if (wait > 0) await new Promise<void>((resolve) => void time.after(wait, resolve));
    await budget.take('write', 'report');
    try {
      return await door.take('owed report');
    } catch (error) {
      record = tried(record, error, time.now());
    }
  }
}

function tried(record: ContractRecord, error: unknown, now: number): ContractRecord {
  const retryAfterMs = retryAfterOf(error);
  return must(
    apply(
      record,
      record.contract,
      {
        type: 'failed',
        step: 'deliver',
        kind: 'unknown-outcome',
        text: 'no answer',
        ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
      },
      now,
    ),
  );
}

function inDelivery(contract: ContractId, now: number): ContractRecord {
  const order = { offering: 'bench', sshKey: 'ssh-ed25519 AAAA', settings: {} };
  const operation = contract.slice(32) as OperationId;
  const target = 'bench' as TargetName;
  return must(
    apply(undefined, contract, { type: 'admitted', target, operation, order, deadlineAt: now + 3_600_000 }, now),
  );
}

function must(record: ContractRecord | undefined): ContractRecord {
  if (record === undefined) throw new Error('the record does not take the event');
  return record;
}

export function unreachable(): PlatformError {
  return new PlatformError('unreachable', 'connection refused');
}
