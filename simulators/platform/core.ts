import type { Cancel, Clock } from '../../src/ports/clock.ts';
import type { Random } from '../../src/ports/random.ts';
import { type Admin, createAdmin } from './admin.ts';
import { type Answer, HttpError, plain } from './answers.ts';
import { createDispatcher, type Dispatcher } from './dispatch.ts';
import { applyFault, createFaults, type Effect, type Faults } from './faults.ts';
import {
  DEFAULT_SETTINGS,
  type Platform,
  type PlatformCrypto,
  type Quirks,
  REAL_SERVER,
  type Settings,
} from './options.ts';
import { resetEvent } from './routes/access.ts';
import type { RouteName } from './routes/index.ts';
import { emptyState, type State } from './state.ts';
import { runDueSweeps } from './sweeps.ts';
import { realCrypto } from './verify.ts';

export interface PlatformRequest {
  readonly method: string;
  /** From /api/v1 on, as on the wire, query included. */
  readonly path: string;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: string;
  /** The TCP peer's address, which rate limits go by. */
  readonly peer?: string;
}

/** An answer, and what the transport must do with it. */
export interface Outcome extends Effect {
  readonly route: RouteName | undefined;
}

/** A request that was met but has not taken effect: the transport waits `holdMs` first. */
export interface Admission {
  readonly holdMs: number;
  process(): Outcome;
}

export interface CoreOptions {
  readonly settings?: Partial<Settings>;
  /** What to repair; everything not named stays as the real server has it. */
  readonly quirks?: Partial<Quirks>;
  readonly crypto?: PlatformCrypto;
}

/** What a listener learns about each request, after it was processed. */
export interface Exchange {
  readonly at: number;
  readonly request: PlatformRequest;
  readonly outcome: Outcome;
}

/** The platform without any input or output: deterministic for a given clock and randomness. */
export interface PlatformCore {
  readonly clock: Clock;
  readonly settings: Settings;
  readonly quirks: Quirks;
  /** The live rows; tests may read and bend them. Replaced as a whole by `restore`, so do not keep hold of it. */
  readonly state: State;
  readonly contracts: State['contracts'];
  readonly agents: State['agents'];
  readonly locks: State['locks'];
  readonly faults: Faults;
  readonly admin: Admin;
  /** Processes a request at once, ignoring any `holdMs`. */
  handle(request: PlatformRequest): Outcome;
  /** The two-step form for transports: chooses the fault now, lets the request take effect later. */
  admit(request: PlatformRequest): Admission;
  /** Runs the server's timers up to now. Every request does so too; call it before looking at rows. */
  tick(): void;
  /** The event-stream message for a provider now; undefined when the stream must end. */
  resetEvent(provider: string): string | undefined;
  onExchange(listener: (exchange: Exchange) => void): Cancel;
  /** A deep copy of every row; slow. */
  backup(): State;
  /** The server starts again from an earlier day's rows: what came later is forgotten, and its timers start over. */
  restore(backup: State): void;
}

export function createPlatformCore(deps: { clock: Clock; random: Random; options?: CoreOptions }): PlatformCore {
  const { clock, random, options = {} } = deps;
  const settings: Settings = { ...DEFAULT_SETTINGS, ...options.settings };
  const platform: Platform = {
    clock,
    random,
    settings,
    crypto: options.crypto ?? realCrypto,
    quirks: { ...REAL_SERVER, ...options.quirks },
    state: emptyState(clock.now(), settings.sweepMs, settings.cleanupMs),
  };
  const dispatcher = createDispatcher(platform);
  const faults = createFaults();
  const listeners = new Set<(exchange: Exchange) => void>();
  const lastAnswers = new Map<string, Answer>();
  const tick = (): void => runDueSweeps(platform, clock.now());

  function admit(request: PlatformRequest): Admission {
    const route = dispatcher.nameOf(request);
    const fault = faults.take(route, request);
    return {
      holdMs: fault?.kind === 'hold' ? fault.ms : 0,
      process() {
        tick();
        const key = `${request.method} ${request.path} ${request.headers['x-agent-pubkey'] ?? ''}`;
        const effect = applyFault(
          fault,
          () => remember(lastAnswers, key, answer(dispatcher, request)),
          () => lastAnswers.get(key),
        );
        const { transport, delayMs } = effect;
        const outcome = { response: dated(effect.response, clock.now()), transport, delayMs, route };
        for (const listener of listeners) listener({ at: clock.now(), request, outcome });
        return outcome;
      },
    };
  }

  return {
    clock,
    settings,
    quirks: platform.quirks,
    get state() {
      return platform.state;
    },
    get contracts() {
      return platform.state.contracts;
    },
    get agents() {
      return platform.state.agents;
    },
    get locks() {
      return platform.state.locks;
    },
    faults,
    admin: createAdmin(platform, dispatcher, tick),
    handle: (request) => admit(request).process(),
    admit,
    tick,
    resetEvent: (provider) => resetEvent(platform, provider),
    onExchange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    backup: () => structuredClone(platform.state),
    restore(backup) {
      const now = clock.now();
      // Both timers fire at once when the server starts, and nothing ran while it was down.
      platform.state = { ...structuredClone(backup), nextSweepAt: now, nextCleanupAt: now };
      dispatcher.forgetRates();
    },
  };
}

function answer(dispatcher: Dispatcher, request: PlatformRequest): Answer {
  try {
    return dispatcher.dispatch(request);
  } catch (error) {
    if (error instanceof HttpError) return plain(error.status, error.message);
    throw error;
  }
}

/** Keeps what a stale cache would repeat: the last answer, when it was one. */
function remember(answers: Map<string, Answer>, key: string, given: Answer): Answer {
  if (given.status === 200) answers.set(key, given);
  return given;
}

function dated({ status, headers, body }: Answer, now: number): Answer {
  return { status, headers: { ...headers, date: httpDate(Math.trunc(now / 1000)) }, body };
}

let lastDate = { second: Number.NaN, text: '' };

/** Hundreds of answers may have the same second, and writing it out is dearer than most of them. */
function httpDate(second: number): string {
  if (lastDate.second !== second) lastDate = { second, text: new Date(second * 1000).toUTCString() };
  return lastDate.text;
}
