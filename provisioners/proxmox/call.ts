import type { z } from 'zod';
import { withDeadline } from '../../src/provisioner/cloud/deadline.ts';
import type { Clock, Log } from '../../src/provisioner/index.ts';
import { answerOf } from './call-answer.ts';
import type { Params } from './call-request.ts';
import { type PveCredentials, requestOf, scrubber, secretsOf } from './call-request.ts';
import { type Effect, oneLine, PveProblem, unsureKind } from './errors.ts';
import { neverSent } from './errors-connect.ts';
import { createGate, type Lane } from './gate.ts';
import type { PveResponse, PveTransport } from './transport.ts';

/** One exchange with a host: what is asked, what it does, and what the answer must look like. */
export interface PveCall<Answer> {
  /** Completes the sentence "Proxmox refused to …". */
  readonly doing: string;
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** Below `/api2/json`, made by the tag `path`. */
  readonly path: string;
  /** Query of GET and DELETE, JSON body of POST and PUT; undefined ones are left out. */
  readonly params?: Params;
  readonly effect: Effect;
  /** Of calls that keep a worker busy until they are done. */
  readonly lane?: Lane;
  /** For the whole answer, from the moment it is sent. Default: 45 s, since a node that forwards waits 30 s itself. */
  readonly timeoutMs?: number;
  /** What `data` must look like. */
  readonly answer: z.ZodType<Answer>;
}

/** Makes one exchange. Errors: PveProblem. */
export type Call = <Answer>(call: PveCall<Answer>, signal: AbortSignal) => Promise<Answer>;

export interface CallOptions {
  readonly clock: Clock;
  readonly log: Log;
}

const TIMEOUT_MS = 45_000;

/**
 * Exchanges over a transport, each made once and never repeated.
 *
 * Errors: `retry` when the request was not sent, or repeating it is safe; `unknown-outcome` when a request that must not be repeated
 * was sent and no clear answer came, also on cancellation; otherwise what the refusal means. No text of any holds a secret.
 */
export function createCall(transport: PveTransport, credentials: PveCredentials, { clock, log }: CallOptions): Call {
  const gate = createGate();
  return async (call, signal) => {
    const scrub = scrubber(secretsOf(credentials, call.params));
    const request = requestOf(call, credentials);
    const leave = await enter(call, signal);
    const timeoutMs = call.timeoutMs ?? TIMEOUT_MS;
    const started = clock.monotonic();
    let response: PveResponse;
    try {
      response = await withDeadline({ clock, signal, timeoutMs }, (until) =>
        transport.send({ ...request, signal: until }),
      );
    } catch (error) {
      throw failed(call, error, scrub);
    } finally {
      leave();
      const took = Math.round(clock.monotonic() - started);
      log.debug({ method: call.method, path: call.path, ms: took }, 'asked Proxmox');
    }
    return answerOf(call, response, scrub);
  };

  async function enter({ doing, lane }: PveCall<unknown>, signal: AbortSignal): Promise<() => void> {
    try {
      signal.throwIfAborted();
      return lane === undefined ? () => {} : await gate.enter(lane, signal);
    } catch (cause) {
      throw new PveProblem('retry', 'cancelled', `Did not ${doing}: cancelled`, { cause });
    }
  }
}

function failed({ doing, effect }: PveCall<unknown>, cause: unknown, scrub: (text: string) => string): PveProblem {
  if (cause instanceof PveProblem) return cause;
  const why = cause instanceof Error ? oneLine(scrub(cause.message)) : 'cancelled';
  if (neverSent(cause)) return new PveProblem('retry', 'unreachable', `Could not ${doing}: ${why}`, { cause });
  const kind = unsureKind(effect);
  const text =
    kind === 'retry'
      ? `Could not ${doing}: Proxmox gave no whole answer: ${why}`
      : `Asked Proxmox to ${doing}, its answer was lost: ${why}`;
  return new PveProblem(kind, 'lost', text, { cause });
}
