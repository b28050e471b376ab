import type { Cancel, Clock } from '../../src/ports/clock.ts';
import type { Random } from '../../src/ports/random.ts';
import { type ApiAnswer, type ApiCall, LOST } from '../cloud/exchange.ts';
import { createFaults, type Faults } from '../cloud/faults.ts';
import { serverAt } from './addresses.ts';
import { type Admin, createAdmin } from './admin.ts';
import { obey, refused, replied } from './answers.ts';
import { HetznerRefusal, invalid, notFound } from './api.ts';
import { readBody } from './call.ts';
import { createCloud, serverOf } from './cloud.ts';
import type { Fate, Fault } from './faults.ts';
import { type GuestAnswer, guestOf } from './guest.ts';
import { chooseOptions, type HetznerChoices } from './options.ts';
import { createRateLimit, type RateLimit } from './rate-limit.ts';
import { CALLS, type Route, readRoute } from './routes.ts';
import type { Project, Server } from './state.ts';

export interface HetznerCoreInput {
  readonly clock: Clock;
  readonly random: Random;
  readonly options?: HetznerChoices;
  /** Asked for every call for which no fault is armed; lets a seeded run make its own trouble. */
  readonly chaos?: (call: string, request: ApiCall) => Fault | undefined;
}

/** What a listener learns about each request that reached the API, after it was processed. */
export interface Exchange {
  readonly at: number;
  /** Method and path as documented; undefined when there is no such path. */
  readonly call: string | undefined;
  readonly request: ApiCall;
  readonly answer: ApiAnswer;
  readonly fault: Fault | undefined;
}

/** One project of the provider, without sockets: deterministic, and all its time and chance come from outside. */
export interface HetznerCore {
  /** Processes one call at once. The answer says what the transport must do with it. */
  handle(request: ApiCall): ApiAnswer;
  /** Everything there is, by kind and id: the truth, to look at and not to change. */
  readonly project: Project;
  readonly faults: Faults<Fault>;
  /** What happens to the project without a call of the agent's. */
  readonly admin: Admin;
  /** How often each call arrived, also those that a fault swallowed. */
  readonly calls: ReadonlyMap<string, number>;
  onExchange(listener: (exchange: Exchange) => void): Cancel;
  /** Who would answer at this address; undefined when it is nobody's. */
  guestAt(address: string): GuestAnswer | undefined;
  onChange(listener: (server: Readonly<Server>) => void): Cancel;
  /** For the server that plays the guests: as OpenSSH writes it, kept until a rebuild. */
  setHostKey(id: number, privateKey: string): void;
  /** Cancels all timers; the core must not be used after it. */
  close(): void;
}

export function createHetznerCore({ clock, random, options = {}, chaos }: HetznerCoreInput): HetznerCore {
  const cloud = createCloud(clock, random, chooseOptions(options));
  const faults = createFaults<Fault>(CALLS);
  const { tokens, readOnlyTokens, requestsPerHour } = cloud.options;
  const access = { tokens: new Set(tokens), readOnly: new Set(readOnlyTokens) };
  const project = createRateLimit(clock, requestsPerHour);
  const strangers = createRateLimit(clock, requestsPerHour);
  const admin = createAdmin(cloud, project, access);
  const calls = new Map<string, number>();
  const listeners = new Set<(exchange: Exchange) => void>();
  const lists = new Map<string, ApiAnswer>();

  function process(route: Route, request: ApiCall, fault: Fault | undefined, token: string): ApiAnswer {
    const own = access.tokens.has(token) || access.readOnly.has(token);
    const limit = own ? project : strangers;
    const headers = { 'x-correlation-id': random.uuid().replaceAll('-', '') };
    return dressed(
      attempt(() => perform(route, request, fault, { limit, own, token })),
      fault?.kind === 'rate-limit' ? { ...limit.headers(), 'ratelimit-remaining': '0' } : limit.headers(),
      headers,
    );
  }

  function perform(
    route: Route,
    request: ApiCall,
    fault: Fault | undefined,
    { limit, own, token }: { limit: RateLimit; own: boolean; token: string },
  ): ApiAnswer {
    if (!limit.take() || fault?.kind === 'rate-limit') throw throttled(requestsPerHour, token);
    if (!own) throw new HetznerRefusal('unauthorized', 'unable to authenticate');
    if (!route.endpoint) throw new HetznerRefusal('method_not_allowed', 'method not allowed');
    if (request.method !== 'GET' && access.readOnly.has(token)) {
      throw new HetznerRefusal('token_readonly', 'token is only allowed to perform GET requests');
    }
    // Repeated parameters are written as they are named; the form with brackets would silently filter by nothing.
    const bracketed = [...route.query.keys()].find((name) => name.endsWith('[]'));
    if (bracketed !== undefined) throw invalid(bracketed, 'unknown parameter');
    const { endpoint, path, query, id, actionId } = route;
    const fate: Fate = fault ?? { kind: 'none' };
    const run = (): ApiAnswer =>
      replied(
        endpoint.handle({
          cloud,
          path,
          query,
          id,
          actionId,
          fate,
          body: (schema) => readBody(request.body, schema),
        }),
      );
    return request.method === 'GET' && id === 0 && path !== '/v1/actions' ? listed(request.path, fault, run()) : run();
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
      const route = readRoute(request.method, request.path);
      if (!admin.reachable) return { ...LOST, delivery: 'refuse' };
      // A path that does not exist is told even to strangers, before the token is looked at.
      if (!route) return tell(undefined, request, undefined, refused(notFound('api route')));
      calls.set(route.call, (calls.get(route.call) ?? 0) + 1);
      const fault = faultFor(route.call, request);
      return obeying(route, request, fault);
    },
    project: cloud.project,
    faults,
    admin,
    calls,
    onExchange(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    guestAt(address) {
      const server = serverAt(cloud, address);
      return server && guestOf(cloud, server);
    },
    onChange: (listener) => cloud.onChange(listener),
    setHostKey(id, privateKey) {
      serverOf(cloud, id).hostKey = privateKey;
    },
    close: () => cloud.close(),
  };

  function faultFor(call: string, request: ApiCall): Fault | undefined {
    return faults.take(call, request) ?? chaos?.(call, request);
  }

  function obeying(route: Route, request: ApiCall, fault: Fault | undefined): ApiAnswer {
    const token = /^Bearer (\S+)$/.exec(request.headers.authorization ?? '')?.[1] ?? '';
    return obey(fault, () => tell(route.call, request, fault, process(route, request, fault, token)));
  }

  function tell(call: string | undefined, request: ApiCall, fault: Fault | undefined, answer: ApiAnswer): ApiAnswer {
    for (const listener of listeners) listener({ at: clock.now(), call, request, answer, fault });
    return dressed(answer, { date: new Date(clock.now()).toUTCString() });
  }
}

function attempt(run: () => ApiAnswer): ApiAnswer {
  try {
    return run();
  } catch (error) {
    if (error instanceof HetznerRefusal) return refused(error);
    throw error;
  }
}

/** The text names the token, as it once did in reality: whoever passes it on has leaked it. There is no Retry-After. */
function throttled(limit: number, token: string): HetznerRefusal {
  return new HetznerRefusal('rate_limit_exceeded', `limit of ${limit} requests per hour for token '${token}' reached`);
}

function dressed(answer: ApiAnswer, ...headers: readonly Readonly<Record<string, string>>[]): ApiAnswer {
  return { ...answer, headers: Object.assign({}, answer.headers, ...headers) };
}

function emptied(body: string): string {
  const page = JSON.parse(body) as Record<string, unknown>;
  for (const [key, value] of Object.entries(page)) if (Array.isArray(value)) page[key] = [];
  return JSON.stringify(page);
}
