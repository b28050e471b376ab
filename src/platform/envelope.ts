import { PlatformError } from './api.ts';
import { publicExcerpt, statusError } from './status-error.ts';
import type { WireResponse } from './transport.ts';

/**
 * What a handler said. Every business failure is an HTTP 200 with `ok: false`; a `note` beside data is only information
 * ("lock not acquired"), so nobody decides on its presence.
 */
export type Envelope =
  | { readonly ok: true; readonly data: unknown; readonly note?: string }
  | { readonly ok: false; readonly error: string };

/** Reads an answer, or throws the PlatformError that it amounts to. `secrets` are masked in whatever text is kept. */
export function readEnvelope(response: WireResponse, secrets: readonly string[] = []): Envelope {
  if (response.status !== 200) throw statusError(response, secrets);
  const body = parseJson(response);
  if (typeof body !== 'object' || body === null || !('success' in body) || typeof body.success !== 'boolean') {
    throw new PlatformError('protocol', 'the answer has no success member', { status: 200 });
  }
  const error =
    'error' in body && typeof body.error === 'string' ? publicExcerpt(body.error, secrets, 1000) : undefined;
  if (!body.success) return { ok: false, error: error ?? 'no reason given' };
  if (!('data' in body) || body.data === undefined || body.data === null) {
    throw new PlatformError('protocol', 'the answer has no data', { status: 200 });
  }
  return error === undefined ? { ok: true, data: body.data } : { ok: true, data: body.data, note: error };
}

/** The body as JSON. Only JSON by its own word is parsed: everything outside the envelope is plain text or a proxy's page. */
export function parseJson(response: WireResponse): unknown {
  const type = (response.headers['content-type'] ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? '';
  const encoding = response.headers['content-encoding']?.trim().toLowerCase() ?? 'identity';
  const { status } = response;
  if (!/^application\/(json|[\w.+-]+\+json)$/.test(type)) {
    throw new PlatformError('protocol', `expected JSON, got ${type.slice(0, 80) || 'no content type'}`, { status });
  }
  if (encoding !== 'identity') throw new PlatformError('protocol', 'the answer is compressed, unasked', { status });
  try {
    return JSON.parse(response.body);
  } catch {
    // The parser's own message quotes the body, which may hold what no log should.
    throw new PlatformError('protocol', 'the answer is not valid JSON', { status });
  }
}
