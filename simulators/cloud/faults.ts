import { type ApiAnswer, LOST } from './exchange.ts';

/**
 * What can go wrong with an exchange, whatever it is about.
 *
 * | fault | what happens |
 * |---|---|
 * | refuse | nobody listens: provably not processed (over HTTP: the same as drop-before) |
 * | drop-before | the connection breaks, nothing was processed |
 * | drop-after | processed, the answer is lost |
 * | truncate | processed, the answer breaks off in the middle |
 * | hang | processed, no answer ever |
 * | hang-before | taken, never processed, no answer ever |
 * | delay | `before`: the request is late; `after`: the answer is |
 * | garbage | processed, the answer is no JSON |
 * | html-502 | the web page of a gateway, with status 502; `processed` or not |
 */
export type WireFault =
  | { readonly kind: 'refuse' | 'drop-before' | 'drop-after' | 'truncate' | 'hang' | 'hang-before' | 'garbage' }
  | { readonly kind: 'delay'; readonly ms: number; readonly at?: 'before' | 'after' }
  | { readonly kind: 'html-502'; readonly processed?: true };

export interface FaultRule<Fault> {
  /** `any`, or method and path as documented: `POST /droplets`, `GET /droplets/{id}`. */
  readonly call: string;
  /** Only calls whose path or body contains this text, such as an id or a name. */
  readonly match?: string;
  /** Lets this many matching calls pass first. */
  readonly skip?: number;
  /** Default 1. */
  readonly times?: number;
  readonly fault: Fault;
}

export interface Faults<Fault> {
  /** Arms a fault; the returned function disarms what is left of it. Throws when there is no such call. */
  add(rule: FaultRule<Fault>): () => void;
  clear(): void;
  /** How many armed faults have not been used up. */
  readonly pending: number;
}

export interface FaultBook<Fault> extends Faults<Fault> {
  /** Uses up and returns the fault for this call, if any. */
  take(call: string, request: { readonly path: string; readonly body?: string }): Fault | undefined;
}

export function createFaults<Fault>(calls: ReadonlySet<string>): FaultBook<Fault> {
  const armed = new Set<{ rule: FaultRule<Fault>; skip: number; left: number }>();
  return {
    add(rule) {
      // A misspelt call would be a fault that never strikes, and a test that proves nothing.
      if (rule.call !== 'any' && !calls.has(rule.call)) throw new Error(`the simulator serves no call '${rule.call}'`);
      const entry = { rule, skip: rule.skip ?? 0, left: rule.times ?? 1 };
      armed.add(entry);
      return () => void armed.delete(entry);
    },
    clear: () => armed.clear(),
    get pending() {
      return armed.size;
    },
    take(call, { path, body = '' }) {
      for (const entry of armed) {
        const { match } = entry.rule;
        if (entry.rule.call !== 'any' && entry.rule.call !== call) continue;
        if (match !== undefined && !path.includes(match) && !body.includes(match)) continue;
        if (entry.skip-- > 0) continue;
        if (--entry.left <= 0) armed.delete(entry);
        return entry.rule.fault;
      }
      return undefined;
    },
  };
}

/** What a gateway in front of an API shows when nothing behind it answers. */
const GATEWAY_PAGE =
  '<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n<center><h1>502 Bad Gateway</h1></center>\r\n</body>\r\n</html>\r\n';

/** Wraps the processing of one call in what the fault does to its exchange; other faults are for the API itself. */
export function obey(fault: { readonly kind: string } | undefined, run: () => ApiAnswer): ApiAnswer {
  if (fault === undefined || !isWireFault(fault)) return run();
  switch (fault.kind) {
    case 'refuse':
      return { ...LOST, delivery: 'refuse' };
    case 'drop-before':
      return LOST;
    case 'drop-after':
      return { ...run(), delivery: 'drop' };
    case 'truncate':
      return { ...run(), delivery: 'truncate' };
    case 'hang':
      return { ...run(), delivery: 'hang' };
    case 'hang-before':
      return { ...LOST, delivery: 'hang' };
    case 'garbage':
      return { ...run(), body: '{"id":' };
    case 'delay':
      if (fault.at === 'before') return { ...LOST, delayMs: fault.ms, resume: run };
      return { ...run(), delayMs: fault.ms };
    case 'html-502': {
      if (fault.processed) run();
      return { ...LOST, status: 502, headers: { 'content-type': 'text/html' }, body: GATEWAY_PAGE, delivery: 'answer' };
    }
  }
}

const WIRE_KINDS: ReadonlySet<string> = new Set<WireFault['kind']>([
  'refuse',
  'drop-before',
  'drop-after',
  'truncate',
  'hang',
  'hang-before',
  'garbage',
  'delay',
  'html-502',
]);

function isWireFault(fault: { readonly kind: string }): fault is WireFault {
  return WIRE_KINDS.has(fault.kind);
}
