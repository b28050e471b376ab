import type { Cancel, Clock } from '../../src/ports/clock.ts';
import type { Random } from '../../src/ports/random.ts';
import { type ApiAnswer, LOST } from '../cloud/exchange.ts';
import { createFaults, type Faults } from '../cloud/faults.ts';
import { type Admin, createAdmin } from './admin.ts';
import { obey, refused, replied } from './answers.ts';
import { notFound, VultrRefusal, type VultrRequest } from './api.ts';
import { readBody } from './call.ts';
import { createCloud, instanceOf } from './cloud.ts';
import type { Fault } from './faults.ts';
import { type GuestAnswer, guestOf } from './guest.ts';
import { chooseOptions, type VultrChoices } from './options.ts';
import { createRateLimit } from './rate-limit.ts';
import { CALLS, type Route, readRoute } from './routes.ts';
import type { Account, Instance } from './state.ts';

export interface VultrCoreInput {
  readonly clock: Clock;
  readonly random: Random;
  readonly options?: VultrChoices;
  /** Asked for every call for which no fault is armed; lets a seeded run make its own trouble. */
  readonly chaos?: (call: string, request: VultrRequest) => Fault | undefined;
}

/** What a listener learns about each request that reached the API, after it was processed. */
export interface Exchange {
  readonly at: number;
  /** Method and path as documented; undefined when there is no such path. */
  readonly call: string | undefined;
  readonly request: VultrRequest;
  readonly answer: ApiAnswer;
  readonly fault: Fault | undefined;
}

/** One account of the provider, without sockets: deterministic, and all its time and chance come from outside. */
export interface VultrCore {
  /** Processes one call at once. The answer says what the transport must do with it. */
  handle(request: VultrRequest): ApiAnswer;
  /** Everything there is, by kind and id: the truth, to look at and not to change. */
  readonly account: Account;
  readonly faults: Faults<Fault>;
  /** What happens to the account without a call of the agent's. */
  readonly admin: Admin;
  /** How often each call arrived, also those that a fault swallowed. */
  readonly calls: ReadonlyMap<string, number>;
  onExchange(listener: (exchange: Exchange) => void): Cancel;
  /** Who would answer at this address; undefined when it is nobody's. */
  guestAt(address: string): GuestAnswer | undefined;
  onChange(listener: (instance: Readonly<Instance>) => void): Cancel;
  /** For the server that plays the guests: as OpenSSH writes it. */
  setHostKey(id: string, privateKey: string): void;
  /** Cancels all timers; the core must not be used after it. */
  close(): void;
}

/** From where callers call who do not say. */
const SOMEWHERE = '203.0.113.9';

export function createVultrCore({ clock, random, options = {}, chaos }: VultrCoreInput): VultrCore {
  const cloud = createCloud(clock, random, chooseOptions(options));
  const faults = createFaults<Fault>(CALLS);
  const access: { readonly keys: Set<string>; allowed: readonly string[] | undefined } = {
    keys: new Set(cloud.options.keys),
    allowed: undefined,
  };
  const limit = createRateLimit(clock, cloud.options.requestsPerSecond);
  const admin = createAdmin(cloud, access);
  const calls = new Map<string, number>();
  const listeners = new Set<(exchange: Exchange) => void>();
  const lists = new Map<string, ApiAnswer>();

  function process(route: Route, request: VultrRequest, fault: Fault | undefined): ApiAnswer {
    try {
      return perform(route, request, fault);
    } catch (error) {
      if (error instanceof VultrRefusal) return refused(error);
      throw error;
    }
  }

  function perform(route: Route, request: VultrRequest, fault: Fault | undefined): ApiAnswer {
    const { endpoint, query, id } = route;
    if (!limit.take() || fault?.kind === 'rate-limit') {
      throw new VultrRefusal(429, 'Rate limit reached - please try your request again later.');
    }
    if (!endpoint) throw new VultrRefusal(405, 'Method not allowed.');
    if (endpoint.open !== true) authenticate(request);
    const given = replied(
      endpoint.handle({
        cloud,
        query,
        id,
        fate: fault ?? { kind: 'none' },
        body: (schema) => readBody(request.body, schema),
      }),
    );
    return request.method === 'GET' && id === '' ? listed(request.path, fault, given) : given;
  }

  /** The texts are the real ones; that of a strange address tells the address. */
  function authenticate({ headers, from = SOMEWHERE }: VultrRequest): void {
    const key = /^Bearer (\S+)$/.exec(headers.authorization ?? '')?.[1] ?? '';
    if (!access.keys.has(key)) throw new VultrRefusal(401, 'Invalid API token.');
    if (access.allowed !== undefined && !access.allowed.includes(from)) {
      throw new VultrRefusal(401, `Unauthorized IP address: ${from}`);
    }
  }

  function listed(path: string, fault: Fault | undefined, given: ApiAnswer): ApiAnswer {
    const before = lists.get(path);
    if (fault?.kind === 'list-stale' && before) return before;
    if (fault?.kind === 'list-empty') return { ...given, body: emptied(given.body) };
    lists.set(path, given);
    return given;
  }

  function tell(
    call: string | undefined,
    request: VultrRequest,
    fault: Fault | undefined,
    answer: ApiAnswer,
  ): ApiAnswer {
    for (const listener of listeners) listener({ at: clock.now(), call, request, answer, fault });
    return answer;
  }

  return {
    handle(request) {
      const route = readRoute(request.method, request.path);
      if (!admin.reachable) return { ...LOST, delivery: 'refuse' };
      // A path that does not exist looks like a thing that does not exist, and is told even to strangers.
      if (!route) return tell(undefined, request, undefined, refused(notFound('path')));
      calls.set(route.call, (calls.get(route.call) ?? 0) + 1);
      const fault = faults.take(route.call, request) ?? chaos?.(route.call, request);
      return obey(fault, () => tell(route.call, request, fault, process(route, request, fault)));
    },
    account: cloud.account,
    faults,
    admin,
    calls,
    onExchange(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    guestAt(address) {
      const found = [...cloud.account.instances.values()].find(
        ({ ipv4, ipv6 }) => ipv4 === address || ipv6 === address,
      );
      return found && guestOf(cloud, found);
    },
    onChange: (listener) => cloud.onChange(listener),
    setHostKey(id, privateKey) {
      instanceOf(cloud, id).hostKey = privateKey;
    },
    close: () => cloud.close(),
  };
}

function emptied(body: string): string {
  const page = JSON.parse(body) as Record<string, unknown>;
  for (const [key, value] of Object.entries(page)) if (Array.isArray(value)) page[key] = [];
  return JSON.stringify({ ...page, meta: { total: 0, links: { next: '', prev: '' } } });
}
