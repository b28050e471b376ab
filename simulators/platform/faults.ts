import type { Cancel } from '../../src/ports/clock.ts';
import { type Answer, plain } from './answers.ts';
import type { RouteName } from './routes/index.ts';

/**
 * What can go wrong between an agent and the platform. Where `processed` may be chosen it says whether the request takes
 * effect although the answer denies it, as behind a proxy that gave up waiting.
 */
export type Fault =
  /** The connection dies before the request takes effect, or after it did. */
  | { readonly kind: 'drop-before' | 'drop-after' }
  /** No answer, ever; the request takes effect or not. */
  | { readonly kind: 'hang'; readonly processed?: boolean }
  /** Processed at once, answered late. */
  | { readonly kind: 'delay'; readonly ms: number }
  /** Waits before it takes effect: the caller may have given up and tried again by then. */
  | { readonly kind: 'hold'; readonly ms: number }
  | { readonly kind: 'throttle'; readonly retryAfterSeconds?: number }
  | { readonly kind: 'server-error'; readonly text?: string; readonly processed?: boolean }
  | { readonly kind: 'bad-gateway'; readonly processed?: boolean }
  /** Processed; half the body arrives, either with the connection broken (default) or with matching lengths. */
  | { readonly kind: 'truncate'; readonly framing?: 'broken' | 'intact' }
  /** Not processed; the last answer to the same call by the same key again. Processed normally when there is none. */
  | { readonly kind: 'stale' }
  /** Processed; every list in the answer is emptied, doubled, or mixed with entries that make no sense. */
  | { readonly kind: 'empty-list' | 'duplicate-entries' }
  | { readonly kind: 'malformed-entries'; readonly entries?: readonly unknown[] }
  | { readonly kind: 'content-type'; readonly value: string }
  /** Processed or not, and answered with exactly this. */
  | { readonly kind: 'answer'; readonly answer: Answer; readonly processed?: boolean };

export interface FaultRule {
  readonly route: RouteName | '*';
  /** Only requests whose path or body contains this text, such as a contract id. */
  readonly match?: string;
  /** Lets this many matching requests pass first. */
  readonly skip?: number;
  /** How many requests it hits; 1 unless told, Infinity for an outage. */
  readonly times?: number;
  readonly fault: Fault;
}

export interface Faults {
  /** Returns how to remove the rule again. Rules are tried in the order in which they were added; each request meets one at most. */
  add(rule: FaultRule): Cancel;
  clear(): void;
  /** Rules that can still hit something. */
  pending(): number;
}

/** How a transport has to treat the answer. `hang` means that it never arrives; `drop-*`, that the connection dies instead. */
export type Delivery = 'deliver' | 'drop-before' | 'drop-after' | 'hang' | 'truncate';

export interface FaultBook extends Faults {
  take(route: RouteName | undefined, request: { readonly path: string; readonly body: string }): Fault | undefined;
}

export function createFaults(): FaultBook {
  let rules: { readonly rule: FaultRule; skip: number; times: number }[] = [];
  return {
    add(rule) {
      const entry = { rule, skip: rule.skip ?? 0, times: rule.times ?? 1 };
      rules.push(entry);
      return () => {
        rules = rules.filter((other) => other !== entry);
      };
    },
    clear() {
      rules = [];
    },
    pending: () => rules.length,
    take(route, request) {
      for (const entry of rules) {
        const { rule } = entry;
        if (rule.route !== '*' && rule.route !== route) continue;
        if (rule.match !== undefined && !request.path.includes(rule.match) && !request.body.includes(rule.match))
          continue;
        if (entry.skip > 0) {
          entry.skip--;
          continue;
        }
        entry.times--;
        if (entry.times <= 0) rules = rules.filter((other) => other !== entry);
        return rule.fault;
      }
      return undefined;
    },
  };
}

export interface Effect {
  readonly response: Answer;
  readonly transport: Delivery;
  readonly delayMs: number;
}

/** Lets a fault act on one request: runs `processRequest` or not, and bends its answer. */
export function applyFault(
  fault: Fault | undefined,
  processRequest: () => Answer,
  previous: () => Answer | undefined,
): Effect {
  const answered = (response: Answer, delayMs = 0): Effect => ({ response, transport: 'deliver', delayMs });
  if (!fault) return answered(processRequest());
  switch (fault.kind) {
    case 'drop-before':
      return { response: NOTHING, transport: 'drop-before', delayMs: 0 };
    case 'drop-after':
      return { response: processRequest(), transport: 'drop-after', delayMs: 0 };
    case 'hang':
      return { response: fault.processed ? processRequest() : NOTHING, transport: 'hang', delayMs: 0 };
    case 'delay':
      return answered(processRequest(), fault.ms);
    case 'hold':
      return answered(processRequest());
    case 'throttle':
      return answered(throttled(fault.retryAfterSeconds ?? 60));
    case 'server-error':
      if (fault.processed) processRequest();
      return answered(plain(500, fault.text ?? 'Internal error: database connection lost'));
    case 'bad-gateway':
      if (fault.processed) processRequest();
      return answered(BAD_GATEWAY);
    case 'truncate': {
      const response = processRequest();
      if (fault.framing !== 'intact') return { response, transport: 'truncate', delayMs: 0 };
      return answered({ ...response, body: firstHalf(response.body) });
    }
    case 'stale':
      return answered(previous() ?? processRequest());
    case 'empty-list':
      return answered(withLists(processRequest(), () => []));
    case 'duplicate-entries':
      return answered(withLists(processRequest(), (list) => [...list, ...list]));
    case 'malformed-entries': {
      const entries = fault.entries ?? NONSENSE;
      return answered(withLists(processRequest(), (list) => [...entries, ...list, ...entries]));
    }
    case 'content-type': {
      const response = processRequest();
      return answered({ ...response, headers: { ...response.headers, 'content-type': fault.value } });
    }
    case 'answer':
      if (fault.processed) processRequest();
      return answered(fault.answer);
  }
}

export function throttled(seconds: number, tier = 'standard'): Answer {
  return {
    status: 429,
    headers: { 'retry-after': String(seconds), 'x-ratelimit-tier': tier },
    body: 'Too many requests. Please try again later.',
  };
}

export function firstHalf(text: string): string {
  return text.slice(0, Math.floor(text.length / 2));
}

const NOTHING: Answer = { status: 0, headers: {}, body: '' };

const BAD_GATEWAY: Answer = {
  status: 502,
  headers: { 'content-type': 'text/html' },
  body: '<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n<center><h1>502 Bad Gateway</h1></center>\r\n</body>\r\n</html>\r\n',
};

const NONSENSE: readonly unknown[] = [
  null,
  42,
  'text',
  [],
  {},
  { contract_id: 7, contractId: 7, externalId: 7 },
  { contract_id: '../../etc', contractId: 'zz', externalId: '' },
];

/** Changes the answer's `data` when it is a list, else every list directly inside it. Other answers stay as they are. */
function withLists(answer: Answer, change: (list: readonly unknown[]) => readonly unknown[]): Answer {
  if (!answer.headers['content-type']?.startsWith('application/json')) return answer;
  const envelope: unknown = JSON.parse(answer.body);
  if (!isObject(envelope) || envelope['success'] !== true) return answer;
  const { data } = envelope;
  if (Array.isArray(data)) return { ...answer, body: JSON.stringify({ ...envelope, data: change(data) }) };
  if (!isObject(data)) return answer;
  const changed = Object.entries(data).map(([name, value]) => [name, Array.isArray(value) ? change(value) : value]);
  return { ...answer, body: JSON.stringify({ ...envelope, data: Object.fromEntries(changed) }) };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
