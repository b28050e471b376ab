import type { z } from 'zod';
import { backoff, type Clock, type ErrorKind, ProvisionerError, type Random, type Secret, sleep } from '../index.ts';
import { withDeadline } from './deadline.ts';
import type { Lane } from './lanes.ts';
import { type ApiRequest, type ApiResponse, type ApiTransport, jsonOf, transportCode, wasSent } from './transport.ts';

/** Who asks, and until when. */
export interface Asking {
  readonly lane: Lane;
  readonly signal: AbortSignal;
}

/** `Expected` says which refusals the caller deals with. */
export interface CloudCall<T, Expected> extends Asking {
  /** Completes the sentences "CLOUD refused to …" and "could not …". */
  readonly doing: string;
  readonly method: ApiRequest['method'];
  readonly path: string;
  /** Put behind the path, encoded. A name may come several times. */
  readonly query?: readonly (readonly [name: string, value: string])[];
  readonly body?: object;
  readonly answer: z.ZodType<T>;
  /** Returned instead of thrown. */
  readonly expects?: Expected;
  /** Gets the text of a good answer before anything of it is looked at. */
  readonly raw?: (text: string) => Promise<void>;
  /** What it means when no answer came, or a server error, though the request was sent. Default `retry`: safe to repeat. */
  readonly lost?: ErrorKind;
}

export type Answer<T, Refusal> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly refusal: Refusal };

/** A cloud's API: one exchange per call, repeated only where that cannot do harm. */
export interface CloudClient<Refusal, Expected> {
  call<T>(call: CloudCall<T, Expected>): Promise<Answer<T, Refusal>>;
  /** The same, for calls that only read and expect no refusal. */
  get<T>(call: Omit<CloudCall<T, Expected>, 'method' | 'expects'>): Promise<T>;
}

/** What one cloud has in its own way. */
export interface Dialect<Refusal, Expected> {
  /** As people call it. */
  readonly name: string;
  /** A text without the secret, and without whatever else must not be shown. */
  clean(text: string, secret: string): string;
  readRefusal(doing: string, response: ApiResponse, secret: string): Refusal;
  /** The error for a refusal; `lost` as in the call. */
  refused(refusal: Refusal, lost?: ErrorKind): ProvisionerError;
  isExpected(refusal: Refusal, expected: Expected): boolean;
  /** Whether it was certainly not processed, or is only a look: then asking again does no harm. */
  mayRepeat(method: ApiRequest['method'], refusal: Refusal): boolean;
}

/** Ends a turn, with the answer, or without one. */
export type EndTurn = (answer: ApiResponse | undefined) => void;

export interface CloudClientInput<Refusal, Expected> {
  readonly dialect: Dialect<Refusal, Expected>;
  readonly transport: ApiTransport;
  /** Resolves when the request may be sent; throws a ProvisionerError, or rejects with the signal's reason. */
  readonly takeTurn: (call: Asking & { readonly doing: string }) => Promise<EndTurn>;
  readonly clock: Clock;
  readonly random: Random;
  readonly secret: Secret;
  readonly timeoutMs: number;
}

const MAX_TRIES = 4;

export function createCloudClient<Refusal, Expected>(
  input: CloudClientInput<Refusal, Expected>,
): CloudClient<Refusal, Expected> {
  const { dialect, transport, clock, random, secret, timeoutMs } = input;
  const { name } = dialect;
  const headers = { authorization: `Bearer ${secret.reveal()}`, accept: 'application/json', 'user-agent': 'dc-agent' };

  async function exchange(call: CloudCall<unknown, Expected>): Promise<ApiResponse> {
    const { doing, method, lane, signal, body } = call;
    const end = await input.takeTurn({ doing, lane, signal }).catch((cause: unknown) => {
      if (cause instanceof ProvisionerError) throw cause;
      throw new ProvisionerError('retry', `Did not ${doing}: cancelled before it was sent`, { cause });
    });
    let answered: ApiResponse | undefined;
    try {
      answered = await withDeadline({ clock, signal, timeoutMs }, (until) =>
        transport({
          method,
          path: pathOf(call),
          headers: body === undefined ? headers : { ...headers, 'content-type': 'application/json' },
          signal: until,
          ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        }),
      );
      return answered;
    } finally {
      end(answered);
    }
  }

  /** The error for an exchange without an answer. Its cause is cleaned: what a socket says may hold the request's headers. */
  function unanswered(
    { doing, lost = 'retry', signal }: CloudCall<unknown, Expected>,
    thrown: unknown,
  ): ProvisionerError {
    const code = transportCode(thrown);
    const why = dialect.clean(thrown instanceof Error ? thrown.message : 'cancelled', secret.reveal());
    const cause = new Error(code === undefined ? why : `${code}: ${why}`);
    if (code !== undefined && !wasSent(thrown)) {
      return new ProvisionerError('retry', `Could not ${doing}: no connection to ${name} (${code})`, { cause });
    }
    if (signal.aborted) {
      return new ProvisionerError(lost, `Cancelled while waiting for ${name} to ${doing}`, { cause });
    }
    return new ProvisionerError(lost, `Asked ${name} to ${doing} and got no complete answer: ${why}`, { cause });
  }

  async function pause(tries: number, { doing, signal }: CloudCall<unknown, Expected>): Promise<void> {
    await sleep(clock, backoff(random, tries, 400, 5_000), signal).catch((cause: unknown) => {
      throw new ProvisionerError('retry', `Cancelled before ${name} was asked again to ${doing}`, { cause });
    });
  }

  async function call<T>(given: CloudCall<T, Expected>): Promise<Answer<T, Refusal>> {
    const { doing, method, expects, lost = 'retry', signal } = given;
    for (let tries = 1; ; tries++) {
      const last = tries >= MAX_TRIES;
      let response: ApiResponse;
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
      const refusal = dialect.readRefusal(doing, response, secret.reveal());
      if (expects !== undefined && dialect.isExpected(refusal, expects)) return { ok: false, refusal };
      if (last || !dialect.mayRepeat(method, refusal)) throw dialect.refused(refusal, lost);
      await pause(tries, given);
    }
  }

  async function read<T>(
    { doing, answer, raw, lost = 'retry' }: CloudCall<T, Expected>,
    { body }: ApiResponse,
  ): Promise<T> {
    await raw?.(body);
    // 204 has no body; schemas for such calls accept undefined.
    const parsed = answer.safeParse(body === '' ? undefined : jsonOf(body));
    if (parsed.success) return parsed.data;
    const where = parsed.error.issues[0]?.path.join('.') ?? '';
    throw new ProvisionerError(lost, `Asked ${name} to ${doing}, and could not read the answer (at "${where}")`);
  }

  return {
    call,
    async get(given) {
      const answer = await call({ ...given, method: 'GET' });
      if (answer.ok) return answer.value;
      throw dialect.refused(answer.refusal);
    },
  };
}

function pathOf({ path, query = [] }: Pick<CloudCall<unknown, unknown>, 'path' | 'query'>): string {
  if (query.length === 0) return path;
  return `${path}?${query.map(([name, value]) => `${name}=${encodeURIComponent(value)}`).join('&')}`;
}
