/** What an endpoint answers when all is well. */
export interface Reply {
  readonly status: 200 | 201 | 202 | 204;
  readonly body?: object;
}

const HTTP_STATUS = {
  bad_request: 400,
  unauthorized: 401,
  forbidden: 403,
  not_found: 404,
  method_not_allowed: 405,
  conflict: 409,
  precondition_failed: 412,
  unprocessable_entity: 422,
  too_many_requests: 429,
  server_error: 500,
  service_unavailable: 503,
} as const;

/** The short identifiers of refusals. Everything else about a refusal is in its text. */
export type ErrorId = keyof typeof HTTP_STATUS;

export const ERROR_IDS: readonly ErrorId[] = Object.keys(HTTP_STATUS) as ErrorId[];

/** A refusal; the core turns it into its HTTP form. */
export class DoRefusal extends Error {
  override readonly name = 'DoRefusal';
  readonly id: ErrorId;
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;

  constructor(id: ErrorId, message: string, headers: Readonly<Record<string, string>> = {}) {
    super(message);
    this.id = id;
    this.status = HTTP_STATUS[id];
    this.headers = headers;
  }
}

/** Almost everything that is wrong with an order comes as this one identifier, told apart by its text alone. */
export function unprocessable(message: string): DoRefusal {
  return new DoRefusal('unprocessable_entity', message);
}

/** A path that does not exist answers the same. */
export function notFound(): DoRefusal {
  return new DoRefusal('not_found', 'The resource you were accessing could not be found.');
}

export const PENDING_EVENT = 'Droplet already has a pending event.';
