/** One HTTP exchange. The transport sends these very bytes once: it never retries, follows redirects or adds an Origin. */
export interface WireRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** From `/api/v1` on, exactly as on the wire, query included. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
}

export interface WireResponse {
  readonly status: number;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** Rejects with any error when no complete answer arrived; the caller must then assume that the request may have been processed. */
export type Transport = (request: WireRequest) => Promise<WireResponse>;

/** An answer that goes on. Ending the iteration or aborting the request frees the connection. */
export interface WireStream {
  readonly status: number;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  /** The body as it arrives, cut anywhere but inside a character. Throws when the connection breaks or falls silent. */
  readonly text: AsyncIterable<string>;
}

/** As Transport, but answers when the headers are there. `timeoutMs` is for these, `silenceMs` for every pause of the body. */
export type StreamTransport = (request: WireRequest & { readonly silenceMs: number }) => Promise<WireStream>;

/** Rejected with when it is certain that nothing was sent: no name, no connection, no TLS. Then nothing was processed either. */
export class NotSentError extends Error {
  override readonly name = 'NotSentError';
}
