/** One call as it arrives; `body` is JSON text. */
export interface ApiCall {
  readonly method: string;
  /** From the API's version on, query included. */
  readonly path: string;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body?: string;
}

/** What the caller's transport must do with the answer. `refuse` = as if nobody listened, so provably not processed. */
export type Delivery = 'answer' | 'drop' | 'refuse' | 'truncate' | 'hang';

export interface ApiAnswer {
  readonly status: number;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly delivery: Delivery;
  /** Wait this long before obeying the rest. */
  readonly delayMs: number;
  /** Present when the request is still on its way: after the delay this processes it and gives the true answer. */
  readonly resume?: () => ApiAnswer;
}

/** An answer that never comes. */
export const LOST: ApiAnswer = { status: 0, headers: {}, body: '', delivery: 'drop', delayMs: 0 };

export function jsonAnswer(status: number, body: object | undefined): ApiAnswer {
  const headers: Record<string, string> = body === undefined ? {} : { 'content-type': 'application/json' };
  const text = body === undefined ? '' : JSON.stringify(body);
  return { status, headers, body: text, delivery: 'answer', delayMs: 0 };
}
