import type { ApiAnswer } from '../cloud/exchange.ts';
import { obey as obeyWire } from '../cloud/faults.ts';
import { type Reply, VultrRefusal } from './api.ts';
import type { Fault } from './faults.ts';

/** Wraps the processing of one call in what the fault does to it. */
export function obey(fault: Fault | undefined, run: () => ApiAnswer): ApiAnswer {
  switch (fault?.kind) {
    case 'error': {
      if (fault.processed) run();
      return refused(new VultrRefusal(fault.status, fault.message ?? 'Refused on purpose.'));
    }
    case 'accept':
      return answer(204, '');
    default:
      return obeyWire(fault, run);
  }
}

export function replied({ status, body }: Reply): ApiAnswer {
  return answer(status, body === undefined ? '' : JSON.stringify(body));
}

export function refused({ status, message }: VultrRefusal): ApiAnswer {
  return answer(status, JSON.stringify({ error: message, status }));
}

function answer(status: number, body: string): ApiAnswer {
  return { status, headers: { 'content-type': 'application/json' }, body, delivery: 'answer', delayMs: 0 };
}
