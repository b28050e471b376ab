import type { Random } from '../../src/ports/random.ts';
import type { ApiAnswer } from '../cloud/exchange.ts';
import { type MovableClock, manualClock } from '../platform/manual-clock.ts';
import { createHetznerCore, type HetznerCore, type HetznerCoreInput } from './core.ts';
import { SIMULATOR_TOKEN } from './options.ts';

/** What an answer may hold; the tests read what they expect. */
export type Body = Partial<Record<One, Thing> & Record<Many, readonly Thing[]>> & {
  readonly root_password?: string | null;
  readonly error?: { readonly code: string; readonly message: string; readonly details: unknown };
  readonly meta?: { readonly pagination: { readonly next_page: number | null } };
  readonly metrics?: {
    readonly step: number;
    readonly time_series: Readonly<Record<string, { readonly values: readonly (readonly [number, string])[] }>>;
  };
};

export type One =
  | 'action'
  | 'firewall'
  | 'image'
  | 'network'
  | 'placement_group'
  | 'primary_ip'
  | 'server'
  | 'ssh_key'
  | 'volume';

type Many = `${One}s` | 'next_actions' | 'server_types';

/** Anything with an id, and what tests look for in it. */
export interface Thing {
  readonly id: number;
  readonly name?: string;
  readonly status?: string;
  readonly locked?: boolean;
  readonly labels?: Readonly<Record<string, string>>;
  readonly image?: Thing | null;
  readonly public_net?: {
    readonly ipv4: { readonly ip: string; readonly blocked: boolean } | null;
    readonly ipv6: { readonly ip: string; readonly blocked: boolean } | null;
    readonly firewalls: readonly unknown[];
  };
  readonly rescue_enabled?: boolean;
  readonly ingoing_traffic?: number | null;
  readonly outgoing_traffic?: number | null;
  readonly fingerprint?: string;
  readonly public_key?: string;
  readonly locations?: readonly { readonly available: boolean }[];
  readonly resources?: readonly { readonly id: number; readonly type: string }[];
}

export interface Caller {
  readonly core: HetznerCore;
  readonly clock: MovableClock;
  /** One call, `path` from after `/v1`; `json` is the parsed body. */
  call(method: string, path: string, body?: object | string): ApiAnswer & { readonly json: Body };
  /** Orders a server and returns its id. */
  order(given?: object): number;
  /** Orders a server and waits until it runs and has booted. */
  running(given?: object): number;
  get(id: number): Thing;
  /** Its IPv4 address. */
  addressOf(id: number): string;
}

export const ORDER = { name: 'one', server_type: 'cx23', image: 'debian-13', location: 'fsn1' };

/** Longer than anything takes by default, snapshots excepted. */
const LONG_MS = 100_000;

/** A project under a clock that stands still, and a hand to call it. */
export function createCaller(input: Partial<HetznerCoreInput> & { readonly token?: string } = {}): Caller {
  const clock = manualClock();
  const core = createHetznerCore({ clock, random: countingRandom(), ...input });
  const authorization = `Bearer ${input.token ?? SIMULATOR_TOKEN}`;
  const call: Caller['call'] = (method, path, body) => {
    const text = typeof body === 'object' ? JSON.stringify(body) : body;
    const answer = core.handle({
      method,
      path: `/v1${path}`,
      headers: { authorization },
      ...(text === undefined ? {} : { body: text }),
    });
    return { ...answer, json: parse(answer.body) };
  };
  const get = (id: number): Thing => {
    const { server } = call('GET', `/servers/${id}`).json;
    if (!server) throw new Error(`no server ${id}`);
    return server;
  };
  let count = 0;
  const order = (given: object = {}): number => {
    const answer = call('POST', '/servers', { ...ORDER, name: `server-${++count}`, ...given });
    if (answer.status !== 201) throw new Error(`no server: ${answer.body}`);
    return answer.json.server?.id ?? 0;
  };
  return {
    core,
    clock,
    call,
    order,
    running(given) {
      const id = order(given);
      clock.advance(LONG_MS);
      return id;
    },
    get,
    addressOf: (id) => get(id).public_net?.ipv4?.ip ?? '',
  };
}

function parse(text: string): Body {
  try {
    return JSON.parse(text) as Body;
  } catch {
    // Web pages and empty bodies; the test looks at the text then.
    return {};
  }
}

function countingRandom(): Random {
  let count = 0;
  return {
    float: () => 0.5,
    bytes: (length) => new Uint8Array(length).map(() => ++count % 251),
    uuid: () => `00000000-0000-4000-8000-${String(++count).padStart(12, '0')}`,
  };
}
