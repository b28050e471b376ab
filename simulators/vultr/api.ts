import type { ApiCall } from '../cloud/exchange.ts';

/** One call as it arrives. */
export interface VultrRequest extends ApiCall {
  /** Where the caller sits; keys can be bound to addresses. Default: an address of the documentation range. */
  readonly from?: string;
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
