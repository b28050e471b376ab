import type { VirtualClock } from '../../platform/virtual-clock.ts';
import { type AgentId, type Clock, ProvisionerError, systemClock } from '../index.ts';
import type { ApiRequest, ApiResponse, ApiTransport } from './transport.ts';

export const AGENT = 'a'.repeat(64) as AgentId;

/** Runs ahead of the machine's clock, so that machines that take seconds take milliseconds. */
export function fastClock(factor: number): Clock {
  const from = systemClock.now();
  const began = systemClock.monotonic();
  const passed = (): number => (systemClock.monotonic() - began) * factor;
  return {
    now: () => from + passed(),
    monotonic: passed,
    after: (ms, fn) => systemClock.after(ms / factor, fn),
  };
}

/** What a test does to an answer on its way; undefined leaves it alone. `before` is asked without sending the request. */
export interface Tamper {
  before?(request: ApiRequest): ApiResponse | undefined;
  after?(request: ApiRequest, response: ApiResponse): ApiResponse | undefined;
}

/** Each tamper strikes once: the first that has something to say about a request. */
export function tampered(transport: ApiTransport, tampers: Tamper[]): ApiTransport {
  const used = (tamper: Tamper): void => void tampers.splice(tampers.indexOf(tamper), 1);
  return async (request) => {
    for (const tamper of tampers) {
      const instead = tamper.before?.(request);
      if (instead === undefined) continue;
      used(tamper);
      return instead;
    }
    const response = await transport(request);
    for (const tamper of tampers) {
      const changed = tamper.after?.(request, response);
      if (changed === undefined) continue;
      used(tamper);
      return changed;
    }
    return response;
  };
}

/** An answer of an API's with nothing special about it. */
export function answer(status: number, body: object): ApiResponse {
  return { status, headers: {}, body: JSON.stringify(body) };
}

/** Lets virtual time pass, `stepMs` at once, until the call has ended. */
export async function playedBy<T>(stepMs: number, clock: VirtualClock, call: Promise<T>): Promise<T> {
  let over = false;
  const end = (): void => {
    over = true;
  };
  call.then(end, end);
  for (let steps = 0; !over; steps++) {
    if (steps > 200_000) throw new Error('the call does not end');
    await clock.advance(stepMs);
  }
  return call;
}

/** What a call was refused with. */
export async function refusalOf(call: Promise<unknown>): Promise<ProvisionerError> {
  const error = await call.then(
    () => new Error('the call was not refused'),
    (thrown: unknown) => thrown,
  );
  if (error instanceof ProvisionerError) return error;
  throw error;
}
