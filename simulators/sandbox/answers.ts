import type { SandboxAnswer, SandboxErrorCode } from './api.ts';
import type { Fault } from './faults.ts';

/** An answer that never comes. */
export const LOST: SandboxAnswer = { status: 0, headers: {}, body: '', delivery: 'drop', delayMs: 0 };

/** Wraps the processing of one call in what the fault does to it. */
export function obey(fault: Fault | undefined, run: () => SandboxAnswer): SandboxAnswer {
  switch (fault?.kind) {
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
      return { ...run(), body: '<html>It works!</html>', headers: { 'content-type': 'text/html' } };
    case 'delay':
      if (fault.at === 'before') return { ...LOST, delayMs: fault.ms, resume: run };
      return { ...run(), delayMs: fault.ms };
    case 'status': {
      if (fault.processed) run();
      const code = ({ 429: 'too_many_requests', 500: 'internal', 503: 'unavailable' } as const)[fault.status];
      const refused = refusal(code, fault.status, 'refused on purpose');
      if (fault.retryAfterSeconds === undefined) return refused;
      return { ...refused, headers: { ...refused.headers, 'retry-after': String(fault.retryAfterSeconds) } };
    }
    default:
      return run();
  }
}

const JSON_HEADERS = { 'content-type': 'application/json' };

export function answer(status: number, body: object): SandboxAnswer {
  return { status, headers: JSON_HEADERS, body: JSON.stringify(body), delivery: 'answer', delayMs: 0 };
}

export function refusal(code: SandboxErrorCode, status: number, message: string): SandboxAnswer {
  return answer(status, { error: { code, message } });
}
