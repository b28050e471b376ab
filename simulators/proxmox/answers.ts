import { BrokenJson } from './body.ts';
import { type PveRefusal, Rows } from './call.ts';
import type { CallFault } from './faults.ts';

/** What the caller's transport must do with the answer. `refuse` = as if nobody listened, so provably not processed. */
export type Delivery = 'answer' | 'drop' | 'refuse' | 'truncate' | 'hang';

export interface PveAnswer {
  readonly status: number;
  /** The reason phrase; old hosts say nowhere else what was wrong. */
  readonly statusText: string;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly delivery: Delivery;
}

/** `reason`: as before libpve-http-server-perl 5.2.0, the text stands in the reason phrase only. */
export type ErrorTexts = 'body' | 'reason';

const COMMON = { server: 'pve-api-daemon/3.0', 'cache-control': 'max-age=0', pragma: 'no-cache' };
const JSON_TYPE = { 'content-type': 'application/json;charset=UTF-8' };

export const LOST: PveAnswer = { status: 0, statusText: '', headers: {}, body: '', delivery: 'drop' };

/** `via`: an answer of pvedaemon that pveproxy handed on; it carries both daemons' word about the connection. */
export function success(data: unknown, via: 'pveproxy' | 'pvedaemon'): PveAnswer {
  const body =
    data instanceof Rows
      ? { data: data.data, ...(data.total > 0 ? { total: data.total } : {}) }
      : { data: data ?? null };
  const connection = via === 'pvedaemon' ? 'close, Keep-Alive' : 'Keep-Alive';
  return {
    status: 200,
    statusText: 'OK',
    headers: { ...COMMON, ...JSON_TYPE, connection },
    body: JSON.stringify(body),
    delivery: 'answer',
  };
}

/** A refusal as JSON, or bare where the daemon refuses before it knows that JSON was wanted. */
export function refused(refusal: PveRefusal, texts: ErrorTexts): PveAnswer {
  const { status, message, errors } = refusal;
  const oneLine = message.trimEnd().replaceAll('\n', ' ');
  if (refusal instanceof BrokenJson) return bare(status, oneLine, `${message}\n`);
  const full = status === 501 ? message : `${message}\n`;
  const body = { data: null, ...(texts === 'body' ? { message: full } : {}), ...(errors ? { errors } : {}) };
  return {
    status,
    statusText: oneLine,
    headers: { ...COMMON, ...JSON_TYPE, connection: 'close' },
    body: JSON.stringify(body),
    delivery: 'answer',
  };
}

/** An answer of the HTTP layer itself: no content type, and most often no body. */
export function bare(status: number, statusText: string, body = ''): PveAnswer {
  return { status, statusText, headers: { ...COMMON, connection: 'close' }, body, delivery: 'answer' };
}

/** What the caller gets in place of `answer`, which was processed. */
export function spoilt(fault: CallFault | undefined, answer: PveAnswer): PveAnswer {
  switch (fault?.kind) {
    case 'drop-after':
      return { ...answer, delivery: 'drop' };
    case 'truncate':
    case 'hang':
      return { ...answer, delivery: fault.kind };
    case 'garbage':
      return { ...answer, body: answer.body.replace('{', '{{') };
    case 'status':
      return statusFault(fault);
    default:
      return answer;
  }
}

/** The answer of a fault that keeps the request from being processed; undefined when it is to be processed. */
export function insteadOf(fault: CallFault | undefined): PveAnswer | undefined {
  switch (fault?.kind) {
    case 'refuse':
      return { ...LOST, delivery: 'refuse' };
    case 'drop-before':
      return LOST;
    case 'hang-before':
      return { ...LOST, delivery: 'hang' };
    case 'html':
      return {
        ...bare(fault.status, 'Bad Gateway', '<html><body><h1>502 Bad Gateway</h1></body></html>'),
        headers: { 'content-type': 'text/html', connection: 'close' },
      };
    case 'status':
      return fault.processed ? undefined : statusFault(fault);
    default:
      return undefined;
  }
}

/** 595 and their like come from the proxy itself, without a body; everything else reads like a refusal of the daemon. */
function statusFault({ status, reason }: { readonly status: number; readonly reason: string }): PveAnswer {
  if (status > 590) return bare(status, reason);
  return {
    status,
    statusText: reason,
    headers: { ...COMMON, ...JSON_TYPE, connection: 'close' },
    body: JSON.stringify({ data: null, message: `${reason}\n` }),
    delivery: 'answer',
  };
}
