import { type MovableClock, manualClock } from '../../platform/manual-clock.ts';
import { type InProcessResponse, inProcessProxmox } from '../in-process.ts';
import { type Playground, type PlaygroundOptions, playground } from '../playground.ts';
import { countingRandom } from './random.ts';
import { pass, settle } from './settle.ts';

/** A playground under a clock of its own, and hands to call it with. */
export interface Bench extends Playground {
  readonly clock: MovableClock;
  /** Sends one request and lets the clock run until it is answered. `who`: the agent's token unless named. */
  call(method: string, path: string, params?: Params, who?: Who): Promise<Called>;
  /** Lets the clock run until the task of an answer has ended. */
  end(called: Called): Promise<string>;
  /** Lets the clock run until the promise is settled. */
  settle<T>(promise: Promise<T>): Promise<T>;
  pass(ms: number): Promise<void>;
}

type Params = Readonly<Record<string, string | number | boolean | readonly string[]>>;
type Who = 'token' | 'root' | 'nobody' | Readonly<Record<string, string>>;

export interface Called extends InProcessResponse {
  /** The parsed body; empty when there is none. */
  readonly json: {
    readonly data?: unknown;
    readonly message?: string;
    readonly errors?: Readonly<Record<string, string>>;
  };
}

export function createBench(options: Partial<PlaygroundOptions> = {}): Bench {
  const clock = manualClock();
  const made = playground({ clock, random: countingRandom(), ...options });
  const send = inProcessProxmox(made.core, { clock });

  return {
    ...made,
    clock,
    settle: (promise) => settle(clock, promise),
    async call(method, path, params = {}, who = 'token') {
      const query = method === 'GET' || method === 'DELETE' ? new URLSearchParams(flat(params)).toString() : '';
      const response = await settle(
        clock,
        send({
          method,
          path: `/api2/json${path}${query === '' ? '' : `?${query}`}`,
          headers: { 'content-type': 'application/json', ...headersOf(made, who, method) },
          ...(method === 'POST' || method === 'PUT' ? { body: JSON.stringify(params) } : {}),
          signal: new AbortController().signal,
        }),
      );
      return { ...response, json: response.body === '' ? {} : parsed(response.body) };
    },
    end: ({ json }) => settle(clock, made.core.pve.taskEnd(String(json.data))),
    pass: (ms) => pass(clock, ms),
  };
}

function flat(params: Params): [string, string][] {
  return Object.entries(params).map(([name, value]) => [
    name,
    value === true ? '1' : value === false ? '0' : String(value),
  ]);
}

function parsed(text: string): Called['json'] {
  try {
    return JSON.parse(text) as Called['json'];
  } catch {
    return {};
  }
}

function headersOf(made: Playground, who: Who, method: string): Readonly<Record<string, string>> {
  if (who === 'nobody') return {};
  if (typeof who === 'object') return who;
  if (who === 'token') return { authorization: `PVEAPIToken=${made.token.id}=${made.token.secret}` };
  const session = made.core.pve.login(made.root.user, made.root.password);
  if (!session) throw new Error('root cannot log in');
  const cookie = `PVEAuthCookie=${encodeURIComponent(session.ticket)}`;
  return method === 'GET' ? { cookie } : { cookie, csrfpreventiontoken: session.csrf };
}
