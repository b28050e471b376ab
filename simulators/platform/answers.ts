/** One HTTP answer, before any fault is applied to it. Header names are lower case. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** The envelope of success. */
export function ok(data: unknown): Answer {
  return json(200, { success: true, data });
}

/** Success that carries a remark, as for locks: callers must decide on `data`, never on the remark. */
export function okBut(data: unknown, error: string): Answer {
  return json(200, { success: true, data, error });
}

/** Every business, ownership and permission failure is HTTP 200. */
export function failure(error: string): Answer {
  return json(200, { success: false, error });
}

export function json(status: number, value: unknown): Answer {
  return { status, headers: { 'content-type': 'application/json; charset=utf-8' }, body: JSON.stringify(value) };
}

/** Everything outside the envelope is plain text. */
export function plain(status: number, body: string): Answer {
  return { status, headers: { 'content-type': 'text/plain; charset=utf-8' }, body };
}

/** Ends a handler with `success:false`. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
}

/** Ends a request with a plain-text HTTP error. */
export class HttpError extends Error {
  override readonly name = 'HttpError';
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/**
 * Milliseconds as the wire's nanoseconds. The product exceeds 2^53, yet JSON prints it exactly: the shortest digits that
 * name the nearest double are those of the milliseconds, padded with zeros.
 */
export function ns(ms: number): number;
export function ns(ms: number | undefined): number | undefined;
export function ns(ms: number | undefined): number | undefined {
  return ms === undefined ? undefined : ms * 1_000_000;
}
