import { type Reply, type VultrAnswer, VultrRefusal } from './api.ts';
import type { Fault } from './faults.ts';

/** An answer that never comes. */
export const LOST: VultrAnswer = { status: 0, headers: {}, body: '', delivery: 'drop', delayMs: 0 };

/** What a gateway in front of the API shows when nothing behind it answers. */
const GATEWAY_PAGE = '<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>nginx</body>\r\n</html>\r\n';

/** Wraps the processing of one call in what the fault does to it. */
export function obey(fault: Fault | undefined, run: () => VultrAnswer): VultrAnswer {
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
      return { ...run(), body: '{"instance":{"id":' };
    case 'delay':
      if (fault.at === 'before') return { ...LOST, delayMs: fault.ms, resume: run };
      return { ...run(), delayMs: fault.ms };
    case 'html-502': {
      if (fault.processed) run();
      return { ...answer(502, GATEWAY_PAGE), headers: { 'content-type': 'text/html' } };
    }
    case 'error': {
      if (fault.processed) run();
      return refused(new VultrRefusal(fault.status, fault.message ?? 'Refused on purpose.'));
    }
    case 'accept':
      return answer(204, '');
    default:
      return run();
  }
}

export function replied({ status, body }: Reply): VultrAnswer {
  return answer(status, body === undefined ? '' : JSON.stringify(body));
}

export function refused({ status, message }: VultrRefusal): VultrAnswer {
  return answer(status, JSON.stringify({ error: message, status }));
}

function answer(status: number, body: string): VultrAnswer {
  return { status, headers: { 'content-type': 'application/json' }, body, delivery: 'answer', delayMs: 0 };
}
