import type { z } from 'zod';
import { withDeadline } from '../../src/provisioner/cloud/deadline.ts';
import type { Lane } from '../../src/provisioner/cloud/lanes.ts';
import { transportCode, wasSent } from '../../src/provisioner/cloud/transport.ts';
import {
  backoff,
  type Clock,
  type ErrorKind,
  ProvisionerError,
  type Random,
  type Secret,
  sleep,
} from '../../src/provisioner/index.ts';
import type { Budget } from './budget.ts';
import { clean, jsonOf, type Refusal, readRefusal, refused } from './errors.ts';
import type { HetznerRequest, HetznerResponse, HetznerTransport } from './transport.ts';

/** Who asks, and until when. */
export interface Asking {
  readonly lane: Lane;
  readonly signal: AbortSignal;
}

export interface Call<T> extends Asking {
  /** Completes the sentences "Hetzner refused to …" and "could not …". */
  readonly doing: string;
  readonly method: HetznerRequest['method'];
  readonly path: string;
  /** A name may come several times: that is how this API takes lists. */
  readonly query?: readonly (readonly [name: string, value: string])[];
  readonly body?: object;
  readonly answer: z.ZodType<T>;
  /** Codes that the caller deals with, returned instead of thrown. */
  readonly expects?: readonly string[];
  /** Gets the text of a good answer before anything of it is looked at. */
  readonly raw?: (text: string) => Promise<void>;
  /** What it means when no answer came, or a server error, though the request was sent. Default `retry`: safe to repeat. */
  readonly lost?: ErrorKind;
}

export type Answer<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly refusal: Refusal };

/** Hetzner's API: one exchange per call, repeated only where that cannot do harm. */
export interface HetznerClient {
  call<T>(call: Call<T>): Promise<Answer<T>>;
  /** The same, for calls without expected refusals. */
  get<T>(call: Omit<Call<T>, 'method' | 'expects'>): Promise<T>;
}

const MAX_TRIES = 4;
/** Looking waits for its turn this long at most, in ms: an old picture is better than an agent that stands still. */
const LONGEST_QUEUE: Readonly<Record<Lane, number>> = { remove: 600_000, make: 600_000, poll: 600_000, look: 20_000 };

export interface ClientInput {
  readonly transport: HetznerTransport;
  readonly budget: Budget;
  readonly clock: Clock;
  readonly random: Random;
  readonly token: Secret;
  readonly timeoutMs: number;
}

export function createClient({ transport, budget, clock, random, token, timeoutMs }: ClientInput): HetznerClient {
  const headers = { authorization: `Bearer ${token.reveal()}`, accept: 'application/json', 'user-agent': 'dc-agent' };

  async function exchange(call: Call<unknown>): Promise<HetznerResponse> {
    const { doing, method, lane, signal } = call;
    const wait = budget.waitFor(lane);
    if (wait > LONGEST_QUEUE[lane]) {
      throw new ProvisionerError('throttled', `Did not ${doing}: the project's API requests are used up for now`, {
        retryAfterMs: wait,
      });
    }
    const done = await budget.take(lane, signal).catch((cause: unknown) => {
      throw new ProvisionerError('retry', `Did not ${doing}: cancelled before it was sent`, { cause });
    });
    let answered: HetznerResponse | undefined;
    try {
      answered = await withDeadline({ clock, signal, timeoutMs }, (until) =>
        transport({
          method,
          path: pathOf(call),
          headers: call.body === undefined ? headers : { ...headers, 'content-type': 'application/json' },
          signal: until,
          ...(call.body === undefined ? {} : { body: JSON.stringify(call.body) }),
        }),
      );
      return answered;
    } finally {
      if (answered?.status === 429) budget.refused(answered.headers);
      done(answered?.headers);
    }
  }

  /** The error for an exchange without an answer. Its cause is cleaned: what a socket says may hold the request's headers. */
  function unanswered({ doing, lost = 'retry', signal }: Call<unknown>, thrown: unknown): ProvisionerError {
    const code = transportCode(thrown);
    const why = clean(thrown instanceof Error ? thrown.message : 'cancelled', token.reveal());
    const cause = new Error(code === undefined ? why : `${code}: ${why}`);
    if (code !== undefined && !wasSent(thrown)) {
      return new ProvisionerError('retry', `Could not ${doing}: no connection to Hetzner (${code})`, { cause });
    }
    if (signal.aborted) {
      return new ProvisionerError(lost, `Cancelled while waiting for Hetzner to ${doing}`, { cause });
    }
    return new ProvisionerError(lost, `Asked Hetzner to ${doing} and got no complete answer: ${why}`, { cause });
  }

  async function pause(tries: number, { doing, signal }: Call<unknown>): Promise<void> {
    await sleep(clock, backoff(random, tries, 400, 5_000), signal).catch((cause: unknown) => {
      throw new ProvisionerError('retry', `Cancelled before Hetzner was asked again to ${doing}`, { cause });
    });
  }

  async function call<T>(given: Call<T>): Promise<Answer<T>> {
    const { doing, method, expects = [], lost = 'retry', signal } = given;
    for (let tries = 1; ; tries++) {
      const last = tries >= MAX_TRIES;
      let response: HetznerResponse;
      try {
        response = await exchange(given);
      } catch (thrown) {
        if (thrown instanceof ProvisionerError) throw thrown;
        const error = unanswered(given, thrown);
        if (method !== 'GET' || !wasSent(thrown) || signal.aborted || last) throw error;
        await pause(tries, given);
        continue;
      }
      if (response.status < 300) return { ok: true, value: await read(given, response) };
      const refusal = readRefusal(doing, response, token.reveal());
      if (refusal.code !== undefined && expects.includes(refusal.code)) return { ok: false, refusal };
      if (last || !mayRepeat(method, refusal)) throw refused(refusal, lost);
      await pause(tries, given);
    }
  }

  async function read<T>({ doing, answer, raw, lost = 'retry' }: Call<T>, { body }: HetznerResponse): Promise<T> {
    await raw?.(body);
    // 204 has no body; schemas for such calls accept undefined.
    const parsed = answer.safeParse(body === '' ? undefined : jsonOf(body));
    if (parsed.success) return parsed.data;
    const where = parsed.error.issues[0]?.path.join('.') ?? '';
    throw new ProvisionerError(lost, `Asked Hetzner to ${doing}, and could not read the answer (at "${where}")`);
  }

  return {
    call,
    async get(given) {
      const answer = await call({ ...given, method: 'GET' });
      if (answer.ok) return answer.value;
      throw refused(answer.refusal);
    },
  };
}

/** 429 and `conflict` were not processed, whatever they were. A gateway's error is repeated for what only reads. */
function mayRepeat(method: HetznerRequest['method'], { status, code }: Refusal): boolean {
  if (status === 429 || code === 'conflict') return true;
  return method === 'GET' && (status === 502 || status === 504 || code === 'timeout');
}

function pathOf({ path, query = [] }: Call<unknown>): string {
  if (query.length === 0) return path;
  return `${path}?${query.map(([name, value]) => `${name}=${encodeURIComponent(value)}`).join('&')}`;
}
