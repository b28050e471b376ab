import { type Applied, GatewayError, type Route } from '../gateway/port.ts';
import { type ContractRecord, openRoutes, routeOf } from '../lifecycle/index.ts';
import type { ContractId } from '../ports/ids.ts';
import { withDeadline } from './deadline.ts';
import type { AgentDeps, GatewayDeps } from './deps.ts';
import { Loop } from './loop.ts';

/** Thousands of routes take about a second; a kernel or a helper that needs this long does not answer. */
const APPLY_DEADLINE_MS = 30_000;

/** How the last pass left the routes. */
export interface RoutesAsMade extends Applied {
  /** Routes that are asked for and are not open, and why: they must not be now, or the gateway refused them. */
  readonly withheld: ReadonlyMap<ContractId, string>;
}

export interface RouteLaneOptions {
  readonly deps: AgentDeps;
  readonly gateway: GatewayDeps;
  /** Whether a machine is known not to be there. */
  readonly isAbsent: (record: ContractRecord) => boolean;
  /** Called before the routes are changed: counters may go with them. */
  readonly beforeApply?: (signal: AbortSignal) => Promise<void>;
  /** How fast a route is to be now. */
  readonly paced?: (route: Route) => Route;
}

interface Waiter {
  resolve(made: RoutesAsMade): void;
  reject(error: unknown): void;
}

/**
 * The lane that makes the gateway's routes what the ledger says: in every cycle, whatever became of them meanwhile, and soon after
 * each change. Steps of many contracts share one pass.
 */
export class RouteLane {
  readonly #options: RouteLaneOptions;
  readonly #loop: Loop;
  #waiting: Waiter[] = [];
  #made: RoutesAsMade | undefined;
  #problem: GatewayError | undefined;

  constructor(options: RouteLaneOptions) {
    const { clock, random, log, settings } = options.deps;
    this.#options = options;
    this.#loop = new Loop({
      name: 'routes',
      clock,
      random,
      log,
      interval: () => settings.reconcileIntervalMs,
      pass: (signal) => this.#pass(signal),
    });
  }

  get lastEndedAt(): number {
    return this.#loop.lastEndedAt;
  }

  /** How the latest pass that worked left them; undefined before the first. */
  get made(): RoutesAsMade | undefined {
    return this.#made;
  }

  /** Why the latest pass failed; undefined when it worked. */
  get problem(): string | undefined {
    return this.#problem?.message;
  }

  start(): void {
    this.#loop.start();
  }

  wake(): void {
    this.#loop.wake();
  }

  async stop(reason: Error): Promise<void> {
    const stopped = this.#loop.stop(reason);
    for (const waiter of this.#waiting.splice(0)) waiter.reject(reason);
    await stopped;
  }

  /** Resolves when a pass that began after this call has made the routes so; rejects with what that pass threw. */
  settle(signal: AbortSignal): Promise<RoutesAsMade> {
    return new Promise((resolve, reject) => {
      const onAbort = (): void => reject(signal.reason);
      if (signal.aborted) return onAbort();
      signal.addEventListener('abort', onAbort, { once: true });
      const end = (): void => signal.removeEventListener('abort', onAbort);
      this.#waiting.push({
        resolve: (made) => {
          end();
          resolve(made);
        },
        reject: (error) => {
          end();
          reject(error);
        },
      });
      this.#loop.wake();
    });
  }

  async #pass(signal: AbortSignal): Promise<void> {
    const waiting = this.#waiting.splice(0);
    try {
      const made = await this.#make(signal);
      this.#made = made;
      this.#problem = undefined;
      for (const waiter of waiting) waiter.resolve(made);
    } catch (error) {
      this.#problem =
        error instanceof GatewayError ? error : new GatewayError('retry', 'the gateway failed', { cause: error });
      for (const waiter of waiting) waiter.reject(error);
      throw error;
    }
  }

  async #make(signal: AbortSignal): Promise<RoutesAsMade> {
    const { beforeApply, deps, gateway, isAbsent, paced = (route) => route } = this.#options;
    await beforeApply?.(signal);
    // What is quarantined, or on a target that is not configured any more, keeps its machine, and so its route.
    const { routes, withheld } = openRoutes(deps.ledger.records.values(), isAbsent);
    const applied = await withDeadline(deps.clock, APPLY_DEADLINE_MS, signal, (inner) =>
      gateway.port.apply(routes.map(paced), inner),
    );
    const closed = new Map([...withheld, ...applied.refused]);
    for (const repair of applied.repaired) deps.log.warn({ repair }, 'a route was not as it should be: repaired');
    for (const [contract, why] of closed)
      if (this.#made?.withheld.get(contract) !== why) deps.log.error({ contract, why }, 'a route is withheld');
    return { ...applied, withheld: closed };
  }
}

/** Where the tenant's SSH client connects: through the route where one is open, else straight to the machine. */
export function sshEndpoint(
  record: ContractRecord,
  deps: Pick<AgentDeps, 'gateway'>,
): { readonly host: string; readonly port: number; readonly user: string } | undefined {
  const ssh = record.instance?.ssh;
  if (ssh === undefined || record.routeState !== 'open') return ssh;
  const { gateway } = deps;
  const route = routeOf(record);
  return route === undefined || gateway === undefined
    ? ssh
    : { host: gateway.port.publicIp, port: route.firstPort, user: ssh.user };
}
