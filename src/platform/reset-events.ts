import type { Signer } from '../identity/sign.ts';
import type { Clock } from '../ports/clock.ts';
import type { ContractId } from '../ports/ids.ts';
import type { Random } from '../ports/random.ts';
import * as answers from './answers.ts';
import { PlatformError } from './api.ts';
import type { RateBudget } from './budget.ts';
import { headersFor } from './caller.ts';
import { EventTooLargeError, readEvents, type StreamEvent } from './event-stream.ts';
import { providerPath } from './paths.ts';
import { statusError } from './status-error.ts';
import type { StreamTransport, WireStream } from './transport.ts';

export interface ResetEventsDeps {
  /** Best with a connection of its own, which the stream occupies for as long as it lasts. */
  readonly stream: StreamTransport;
  readonly signer: Signer;
  readonly providerPubkey: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly budget: RateBudget;
}

const OPEN_TIMEOUT_MS = 30_000;
/** The platform comments every 30 s when it has nothing to say. */
const SILENCE_MS = 75_000;
const EVENT = 'password-reset-count';

/**
 * Whose password resets are pending: once at the beginning, then after each change. Ends when the platform ends it, which it also
 * does where it cannot list them (a known fault): an end soon after the beginning says that there are some. Throws a PlatformError
 * for everything else, the caller's abort included. Opened once: when to open it again is the caller's decision.
 */
export async function* passwordResetEvents(
  deps: ResetEventsDeps,
  signal: AbortSignal,
): AsyncGenerator<readonly ContractId[]> {
  const path = `${providerPath(deps.providerPubkey)}/password-reset-events`;
  try {
    const { text } = await open(deps, path, signal);
    for await (const event of readEvents(text)) {
      if (event.name === EVENT) yield contractsOf(event);
    }
  } catch (error) {
    if (error instanceof PlatformError) throw error;
    if (error instanceof EventTooLargeError) throw new PlatformError('protocol', error.message, { status: 200 });
    const why = error instanceof Error ? error.message : String(error);
    throw new PlatformError('unreachable', `the stream GET ${path} broke: ${why}`, { cause: error });
  }
}

async function open(deps: ResetEventsDeps, path: string, signal: AbortSignal): Promise<WireStream> {
  const { clock, budget, stream } = deps;
  const call = { method: 'GET', path } as const;
  await budget.take('read', 'routine', signal, OPEN_TIMEOUT_MS);
  const headers = { ...headersFor(deps, clock.now(), call), Accept: 'text/event-stream' };
  const opened = await stream({ ...call, headers, timeoutMs: OPEN_TIMEOUT_MS, silenceMs: SILENCE_MS, signal });
  const problem = await problemOf(opened);
  if (problem === undefined) return opened;
  if (problem.kind === 'throttled') budget.throttled('read', problem.retryAfterMs ?? 0);
  throw problem;
}

async function problemOf({ status, headers, text }: WireStream): Promise<PlatformError | undefined> {
  if (status === 200 && /^\s*text\/event-stream\b/i.test(headers['content-type'] ?? '')) return undefined;
  let body = '';
  for await (const chunk of text) {
    body += chunk;
    if (body.length > 4096) break;
  }
  if (status === 200) return new PlatformError('protocol', 'the answer is no event stream', { status });
  // Only here does the platform say by its status that the key is not one of this provider.
  if (status === 403) return new PlatformError('refused', 'the key does not belong to this provider', { status });
  return statusError({ status, headers, body });
}

function contractsOf({ data }: StreamEvent): readonly ContractId[] {
  let parsed: unknown;
  try {
    parsed = JSON.parse(data);
  } catch {
    throw new PlatformError('protocol', 'an event is not valid JSON', { status: 200 });
  }
  return answers.resetEvent(parsed);
}
