import type { Cancel, Clock } from '../../src/ports/clock.ts';
import type { Random } from '../../src/ports/random.ts';
import { type ApiAnswer, type ApiCall, jsonAnswer, LOST } from '../cloud/exchange.ts';
import { createFaults, type Faults, obey } from '../cloud/faults.ts';
import type { GuestHost } from '../cloud/guests.ts';
import { type Admin, createAdmin } from './admin.ts';
import { DoRefusal, notFound } from './api.ts';
import { readBody } from './call.ts';
import { createCloud } from './cloud.ts';
import type { Fault } from './faults.ts';
import { type DoGuest, guestsOf } from './guest.ts';
import { chooseOptions, type DoChoices } from './options.ts';
import { createRateLimit, type RateLimit } from './rate-limit.ts';
import { CALLS, type Route, readRoute } from './routes.ts';
import type { Account, Droplet } from './state.ts';

export interface DoCoreInput {
  readonly clock: Clock;
  readonly random: Random;
  readonly options?: DoChoices;
  /** Asked for every call for which no fault is armed; lets a seeded run make its own trouble. */
  readonly chaos?: (call: string) => Fault | undefined;
}

/** What a listener learns about each request that reached the API, after it was processed. */
export interface Exchange {
  readonly at: number;
  /** Method and path as documented; undefined when there is no such path. */
  readonly call: string | undefined;
  readonly request: ApiCall;
  readonly answer: ApiAnswer;
}

/** One account of the provider, without sockets: deterministic, and all its time and chance come from outside. */
export interface DoCore extends GuestHost {
  /** Processes one call at once. The answer says what the transport must do with it. */
  handle(request: ApiCall): ApiAnswer;
  /** Everything there is, by kind and id: the truth, to look at and not to change. */
  readonly account: Account;
  readonly faults: Faults<Fault>;
  /** What happens to the account without a call of the agent's. */
  readonly admin: Admin;
  /** How often each call arrived, also those that a fault swallowed. */
  readonly calls: ReadonlyMap<string, number>;
  onExchange(listener: (exchange: Exchange) => void): Cancel;
  guests(): readonly DoGuest[];
  /** Told of each droplet that changed, and of one that has gone. */
  onChange(listener: (droplet: Readonly<Droplet>) => void): Cancel;
  /** Cancels all timers; the core must not be used after it. */
  close(): void;
}

export function createDoCore({ clock, random, options = {}, chaos }: DoCoreInput): DoCore {
  const cloud = createCloud(clock, random, chooseOptions(options));
  const faults = createFaults<Fault>(CALLS);
  const access = { tokens: new Set(cloud.options.tokens), readOnly: new Set(cloud.options.readOnlyTokens) };
  const own = createRateLimit(clock, cloud.options);
  const strangers = createRateLimit(clock, cloud.options);
  const admin = createAdmin(cloud, own, access);
  const calls = new Map<string, number>();
  const listeners = new Set<(exchange: Exchange) => void>();
  const lists = new Map<string, ApiAnswer>();

  function process(route: Route | undefined, request: ApiCall, fault: Fault | undefined): ApiAnswer {
    const token = /^Bearer (\S+)$/.exec(request.headers.authorization ?? '')?.[1] ?? '';
    const known = access.tokens.has(token) || access.readOnly.has(token);
    const limit = known ? own : strangers;
    const given = attempt(() => perform(route, request, fault, { limit, known, token }));
    return { ...given, headers: { ...limit.headers(), 'x-request-id': random.uuid(), ...given.headers } };
  }

  function perform(
    route: Route | undefined,
    request: ApiCall,
    fault: Fault | undefined,
    { limit, known, token }: { limit: RateLimit; known: boolean; token: string },
  ): ApiAnswer {
    const verdict = limit.take();
    if (!verdict.allowed) throw throttled(verdict.retryAfterS);
    if (fault?.kind === 'rate-limit') throw throttled(fault.retryAfterS);
    if (!known) throw new DoRefusal('unauthorized', 'Unable to authenticate you');
    if (!route) throw notFound();
    if (!route.endpoint) throw new DoRefusal('method_not_allowed', 'This method is not allowed here.');
    if (request.method !== 'GET' && access.readOnly.has(token)) {
      throw new DoRefusal('forbidden', 'You do not have access for the attempted action.');
    }
    const { endpoint, path, query, id } = route;
    const run = (): ApiAnswer => {
      const { status, body } = endpoint.handle({
        cloud,
        path,
        query,
        id,
        fate: fault ?? { kind: 'none' },
        body: (schema) => readBody(request.body, schema),
      });
      return jsonAnswer(status, body);
    };
    if (fault?.kind === 'error') {
      if (fault.processed) run();
      throw new DoRefusal(fault.id, fault.message ?? `${fault.id} on purpose`);
    }
    return request.method === 'GET' && id === '' ? listed(request.path, fault, run()) : run();
  }

  function listed(path: string, fault: Fault | undefined, given: ApiAnswer): ApiAnswer {
    const before = lists.get(path);
    if (fault?.kind === 'list-stale' && before) return before;
    if (fault?.kind === 'list-empty') return { ...given, body: emptied(given.body) };
    lists.set(path, given);
    return given;
  }

  return {
    handle(request) {
      if (!admin.reachable) return { ...LOST, delivery: 'refuse' };
      const route = readRoute(request.method, request.path);
      if (route) calls.set(route.call, (calls.get(route.call) ?? 0) + 1);
      const fault = route && (faults.take(route.call, request) ?? chaos?.(route.call));
      return obey(fault, () => {
        const answer = process(route, request, fault);
        for (const listener of listeners) listener({ at: clock.now(), call: route?.call, request, answer });
        return answer;
      });
    },
    account: cloud.account,
    faults,
    admin,
    calls,
    onExchange(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    guests: () => guestsOf(cloud),
    onChange: (listener) => cloud.onChange(listener),
    close: () => cloud.close(),
  };
}

/** Faults that are about the exchange alone. */
function attempt(run: () => ApiAnswer): ApiAnswer {
  try {
    return run();
  } catch (error) {
    if (!(error instanceof DoRefusal)) throw error;
    const { status, id, message, headers } = error;
    const answer = jsonAnswer(status, { id, message });
    return { ...answer, headers: { ...answer.headers, ...headers } };
  }
}

/** Only the refusal of a burst says how long to wait. */
function throttled(retryAfterS: number | undefined): DoRefusal {
  const headers: Record<string, string> = retryAfterS === undefined ? {} : { 'retry-after': String(retryAfterS) };
  return new DoRefusal('too_many_requests', 'API Rate limit exceeded.', headers);
}

function emptied(body: string): string {
  const page = JSON.parse(body) as Record<string, unknown>;
  for (const [key, value] of Object.entries(page)) if (Array.isArray(value)) page[key] = [];
  return JSON.stringify({ ...page, links: {}, meta: { total: 0 } });
}
