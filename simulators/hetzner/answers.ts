import type { ApiAnswer } from '../cloud/exchange.ts';
import { obey as obeyWire } from '../cloud/faults.ts';
import { HetznerRefusal, type Reply } from './api.ts';
import type { Fault } from './faults.ts';

/** Wraps the processing of one call in what the fault does to it. */
export function obey(fault: Fault | undefined, run: () => ApiAnswer): ApiAnswer {
  switch (fault?.kind) {
    case 'error': {
      if (fault.processed) run();
      return refused(new HetznerRefusal(fault.code, fault.message ?? `${fault.code} on purpose`));
    }
    default:
      return obeyWire(fault, run);
  }
}

export function replied({ status, body, headers }: Reply): ApiAnswer {
  const given = answer(status, body === undefined ? '' : JSON.stringify(body));
  return { ...given, headers: { ...(body === undefined ? {} : given.headers), ...headers } };
}

export function refused({ status, code, message, details }: HetznerRefusal): ApiAnswer {
  return answer(status, JSON.stringify({ error: { code, message, details } }));
}

function answer(status: number, body: string): ApiAnswer {
  return { status, headers: { 'content-type': 'application/json' }, body, delivery: 'answer', delayMs: 0 };
}
