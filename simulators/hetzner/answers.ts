import { type HetznerAnswer, HetznerRefusal, type Reply } from './api.ts';
import type { Fault } from './faults.ts';

/** An answer that never comes. */
export const LOST: HetznerAnswer = { status: 0, headers: {}, body: '', delivery: 'drop', delayMs: 0 };

/** What a gateway in front of the API shows when nothing behind it answers. */
const GATEWAY_PAGE =
  '<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n<center><h1>502 Bad Gateway</h1></center>\r\n</body>\r\n</html>\r\n';

/** Wraps the processing of one call in what the fault does to it. */
export function obey(fault: Fault | undefined, run: () => HetznerAnswer): HetznerAnswer {
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
      return { ...run(), body: '{"server":{"id":' };
    case 'delay':
      if (fault.at === 'before') return { ...LOST, delayMs: fault.ms, resume: run };
      return { ...run(), delayMs: fault.ms };
    case 'html-502': {
      if (fault.processed) run();
      return { ...answer(502, ''), headers: { 'content-type': 'text/html' }, body: GATEWAY_PAGE };
    }
    case 'error': {
      if (fault.processed) run();
      return refused(new HetznerRefusal(fault.code, fault.message ?? `${fault.code} on purpose`));
    }
    default:
      return run();
  }
}

export function replied({ status, body, headers }: Reply): HetznerAnswer {
  const given = answer(status, body === undefined ? '' : JSON.stringify(body));
  return { ...given, headers: { ...(body === undefined ? {} : given.headers), ...headers } };
}

export function refused({ status, code, message, details }: HetznerRefusal): HetznerAnswer {
  return answer(status, JSON.stringify({ error: { code, message, details } }));
}

function answer(status: number, body: string): HetznerAnswer {
  return { status, headers: { 'content-type': 'application/json' }, body, delivery: 'answer', delayMs: 0 };
}
