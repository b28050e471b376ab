import type { z } from 'zod';
import { withDeadline } from '../../src/provisioner/cloud/deadline.ts';
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
import type { Budget, Lane } from './budget.ts';
import { clean, jsonOf, type Refusal, readRefusal, refused } from './errors.ts';
import type { VultrRequest, VultrResponse, VultrTransport } from './transport.ts';

/** Who asks, and until when. */
export interface Asking {
  readonly lane: Lane;
  readonly signal: AbortSignal;
}

export interface Call<T> extends Asking {
  /** Completes the sentences "Vultr refused to …" and "could not …". */
  readonly doing: string;
  readonly method: VultrRequest['method'];
  readonly path: string;
  readonly query?: readonly (readonly [name: string, value: string])[];
  readonly body?: object;
  readonly answer: z.ZodType<T>;
  /** Refusals that the caller deals with, returned instead of thrown. */
  readonly expects?: (refusal: Refusal) => boolean;
  /** Gets the text of a good answer before anything of it is looked at. */
  readonly raw?: (text: string) => Promise<void>;
  /** What it means when no answer came, or a server error, though the request was sent. Default `retry`: safe to repeat. */
  readonly lost?: ErrorKind;
}

export type Answer<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly refusal: Refusal };

/** Vultr's API: one exchange per call, repeated only where that cannot do harm. */
export interface VultrClient {
  call<T>(call: Call<T>): Promise<Answer<T>>;
  /** The same, for calls without expected refusals. */
  get<T>(call: Omit<Call<T>, 'method' | 'expects'>): Promise<T>;
}

const MAX_TRIES = 4;

export interface ClientInput {
  readonly transport: VultrTransport;
  readonly budget: Budget;
  readonly clock: Clock;
  readonly random: Random;
  readonly key: Secret;
  readonly timeoutMs: number;
}

export function createClient({ transport, budget, clock, random, key, timeoutMs }: ClientInput): VultrClient {
  const headers = { authorization: `Bearer ${key.reveal()}`, accept: 'application/json', 'user-agent': 'dc-agent' };

  async function exchange(call: Call<unknown>): Promise<VultrResponse> {
    const { doing, method, lane, signal } = call;
    await budget.take(lane, signal).catch((cause: unknown) => {
      throw new ProvisionerError('retry', `Did not ${doing}: cancelled before it was sent`, { cause });
    });
    const answered = await withDeadline({ clock, signal, timeoutMs }, (until) =>
      transport({
        method,
        path: pathOf(call),
        headers: call.body === undefined ? headers : { ...headers, 'content-type': 'application/json' },
        signal: until,
        ...(call.body === undefined ? {} : { body: JSON.stringify(call.body) }),
      }),
    );
    if (answered.status === 429) budget.refused();
    return answered;
  }

  /** The error for an exchange without an answer. Its cause is cleaned: what a socket says may hold the request's headers. */
  function unanswered({ doing, lost = 'retry', signal }: Call<unknown>, thrown: unknown): ProvisionerError {
    const code = transportCode(thrown);
    const why = clean(thrown instanceof Error ? thrown.message : 'cancelled', key.reveal());
    const cause = new Error(code === undefined ? why : `${code}: ${why}`);
    if (code !== undefined && !wasSent(thrown)) {
      return new ProvisionerError('retry', `Could not ${doing}: no connection to Vultr (${code})`, { cause });
    }
    if (signal.aborted) {
      return new ProvisionerError(lost, `Cancelled while waiting for Vultr to ${doing}`, { cause });
    }
    return new ProvisionerError(lost, `Asked Vultr to ${doing} and got no complete answer: ${why}`, { cause });
  }

  async function pause(tries: number, { doing, signal }: Call<unknown>): Promise<void> {
    await sleep(clock, backoff(random, tries, 400, 5_000), signal).catch((cause: unknown) => {
      throw new ProvisionerError('retry', `Cancelled before Vultr was asked again to ${doing}`, { cause });
    });
  }

  async function call<T>(given: Call<T>): Promise<Answer<T>> {
    const { doing, method, expects, lost = 'retry', signal } = given;
    for (let tries = 1; ; tries++) {
      const last = tries >= MAX_TRIES;
      let response: VultrResponse;
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
      const refusal = readRefusal(doing, response, key.reveal());
      const repeat = !last && mayRepeat(method, refusal);
      if (!repeat && expects?.(refusal) === true) return { ok: false, refusal };
      if (!repeat) throw refused(refusal, lost);
      await pause(tries, given);
    }
  }

  async function read<T>({ doing, answer, raw, lost = 'retry' }: Call<T>, { body }: VultrResponse): Promise<T> {
    await raw?.(body);
    // 204 has no body; schemas for such calls accept undefined.
    const parsed = answer.safeParse(body === '' ? undefined : jsonOf(body));
    if (parsed.success) return parsed.data;
    const where = parsed.error.issues[0]?.path.join('.') ?? '';
    throw new ProvisionerError(lost, `Asked Vultr to ${doing}, and could not read the answer (at "${where}")`);
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

/** 429 was not processed, whatever it was. Trouble on the other side is repeated for what only reads. */
function mayRepeat(method: VultrRequest['method'], { status }: Refusal): boolean {
  return status === 429 || (method === 'GET' && status >= 500);
}

function pathOf({ path, query = [] }: Call<unknown>): string {
  if (query.length === 0) return path;
  return `${path}?${query.map(([name, value]) => `${name}=${encodeURIComponent(value)}`).join('&')}`;
}
