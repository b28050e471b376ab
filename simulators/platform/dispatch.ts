import { type Answer, failure, HttpError, plain, Refusal } from './answers.ts';
import { authenticate, authenticateStream, type Caller } from './auth.ts';
import type { Call, Route } from './call.ts';
import type { PlatformRequest } from './core.ts';
import { Fields, parseBody } from './fields.ts';
import type { Platform } from './options.ts';
import { createRateLimit } from './rate-limit.ts';
import { createRouter } from './router.ts';
import { ROUTES, type RouteName } from './routes/index.ts';

export interface Dispatcher {
  nameOf(request: PlatformRequest): RouteName | undefined;
  /** One request through every check in the server's order. Throws HttpError for what ends as plain text. */
  dispatch(request: PlatformRequest): Answer;
  /** Straight to a route's handler, past transport and signature, for the admin interface. Throws Refusal. */
  invoke(name: RouteName, call: { key: string; params?: Record<string, string>; body?: object }): unknown;
  /** Rate limits live in the server's memory: a restart forgets them. */
  forgetRates(): void;
}

/** Order: cross-origin filter, rate limit, route, authentication, content type, JSON, handler. */
export function createDispatcher(platform: Platform): Dispatcher {
  const findRoute = createRouter<Route & { readonly name: RouteName }>(ROUTES);
  const byName = new Map<RouteName, Route>(ROUTES.map((route) => [route.name, route]));
  let rateLimit = createRateLimit();

  const match = (request: PlatformRequest) => {
    const path = request.path.split('?', 1)[0] ?? '';
    return path.startsWith(PREFIX) ? findRoute(request.method, path.slice(PREFIX.length)) : undefined;
  };

  return {
    nameOf: (request) => match(request)?.found?.name,
    dispatch(request) {
      const now = platform.clock.now();
      if (request.headers['origin'] !== undefined) return plain(403, 'Origin not allowed');
      if (platform.settings.rateLimits) {
        const limited = rateLimit(request.peer ?? '', request.method, request.path.split('?', 1)[0] ?? '', now);
        if (limited) return limited;
      }
      const hit = match(request);
      if (!hit?.found) return hit?.knownPath ? plain(405, 'method not allowed') : plain(404, 'not found');
      const route: Route = hit.found;
      if (route.name === 'old-health' && platform.quirks.oldHealthPathMissing) return plain(404, 'not found');
      const caller = route.stream
        ? authenticateStream(platform, request, now)
        : authenticate(platform, request, route.auth, now);
      const body = route.json ? readBody(request) : NO_BODY;
      const query = request.path.split('?')[1] ?? '';
      return run(route, { platform, now, caller, params: hit.params, body, query, headers: request.headers });
    },
    invoke(name, { key, params = {}, body = {} }) {
      const route = byName.get(name);
      if (!route) throw new Error(`Expected a route name, got ${name}`);
      const caller: Caller = { key, provider: key };
      const fields = parseBody(JSON.stringify(body));
      const answer = route.handle({
        platform,
        now: platform.clock.now(),
        caller,
        params,
        body: fields,
        query: '',
        headers: {},
      });
      const { success, data, error } = JSON.parse(answer.body);
      if (success !== true) throw new Refusal(String(error));
      return data;
    },
    forgetRates() {
      rateLimit = createRateLimit();
    },
  };
}

const PREFIX = '/api/v1';
const NO_BODY = new Fields({});
const JSON_TYPE = /^application\/(?:[\w.!#$&^-]*\+)?json\s*(?:;|$)/i;

function readBody(request: PlatformRequest): Fields {
  const type = request.headers['content-type'];
  if (type === undefined || !JSON_TYPE.test(type)) {
    throw new HttpError(415, 'the `Content-Type` requested by the client is not supported');
  }
  return parseBody(request.body);
}

function run(route: Route, call: Call): Answer {
  try {
    return route.handle(call);
  } catch (error) {
    if (error instanceof Refusal) return failure(error.message);
    throw error;
  }
}
