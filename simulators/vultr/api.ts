/** One call as it arrives; `body` is JSON text. */
export interface VultrRequest {
  readonly method: string;
  /** From `/v2` on, query included. */
  readonly path: string;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body?: string;
  /** Where the caller sits; keys can be bound to addresses. Default: an address of the documentation range. */
  readonly from?: string;
}

/** What the caller's transport must do with the answer. `refuse` = as if nobody listened, so provably not processed. */
export type Delivery = 'answer' | 'drop' | 'refuse' | 'truncate' | 'hang';

export interface VultrAnswer {
  readonly status: number;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly delivery: Delivery;
  /** Wait this long before obeying the rest. */
  readonly delayMs: number;
  /** Present when the request is still on its way: after the delay this processes it and gives the true answer. */
  readonly resume?: () => VultrAnswer;
}

/** What an endpoint answers when all is well. */
export interface Reply {
  readonly status: 200 | 201 | 202 | 204;
  readonly body?: object;
}

/** A refusal. All that this API says of an error is a text for people and the HTTP status once more. */
export class VultrRefusal extends Error {
  override readonly name = 'VultrRefusal';
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

export function notFound(what: string): VultrRefusal {
  return new VultrRefusal(404, `Invalid ${what}.`);
}
