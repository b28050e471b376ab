import { PlatformError, type PlatformErrorKind } from './api.ts';
import type { WireResponse } from './transport.ts';

/** Nobody waits longer on a server's word than this, whatever a confused proxy says. */
const MAX_RETRY_AFTER_MS = 15 * 60_000;
const DEFAULT_RETRY_AFTER_MS = 60_000;

/** The error that an HTTP status other than 200 amounts to. Texts of the server are shortened and masked. */
export function statusError(response: WireResponse, secrets: readonly string[] = []): PlatformError {
  const { status } = response;
  const kind = kindOf(response);
  const text = looksLikeHtml(response) ? 'an HTML page' : publicExcerpt(response.body, secrets, 200);
  const retryAfterMs = kind === 'throttled' ? (retryAfter(response) ?? DEFAULT_RETRY_AFTER_MS) : retryAfter(response);
  return new PlatformError(kind, `HTTP ${status}: ${text || 'no text'}`, {
    status,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  });
}

function kindOf(response: WireResponse): PlatformErrorKind {
  const { status } = response;
  if (status === 429) return 'throttled';
  if (status >= 500) return 'server';
  // A request timeout is a proxy's: it may or may not have passed the request on.
  if (status === 408) return 'unreachable';
  // The platform's own errors are plain text; a page comes from something in front of it, which says nothing about the request.
  if (looksLikeHtml(response)) return 'protocol';
  if (status === 401) return /timestamp expired/i.test(response.body) ? 'clock-skew' : 'unauthorized';
  return [400, 404, 405, 413, 415].includes(status) ? 'bug' : 'protocol';
}

function looksLikeHtml({ headers, body }: WireResponse): boolean {
  return /^\s*text\/html/i.test(headers['content-type'] ?? '') || /^\s*</.test(body);
}

/** `Retry-After` in ms: seconds, or a date, which counts from the answer's own `Date` so that our clock does not matter. */
function retryAfter({ headers }: WireResponse): number | undefined {
  const text = headers['retry-after']?.trim() ?? '';
  const ms = /^\d{1,9}$/.test(text) ? Number(text) * 1000 : Date.parse(text) - Date.parse(headers.date ?? '');
  return Number.isFinite(ms) ? Math.min(MAX_RETRY_AFTER_MS, Math.max(0, ms)) : undefined;
}

/** A foreign text that may go into an error: one line, shortened, and without the secrets that the request carried. */
export function publicExcerpt(text: string, secrets: readonly string[], limit: number): string {
  let clean = text;
  for (const secret of secrets) {
    // As it is, as a string of JSON, and as a string of JSON inside one, which is how instance details travel.
    for (const form of [escaped(escaped(secret)), escaped(secret), secret]) {
      if (form !== '') clean = clean.replaceAll(form, '••••');
    }
  }
  clean = clean.replace(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, ' ').trim();
  return clean.length > limit ? `${clean.slice(0, limit)}…` : clean;
}

function escaped(text: string): string {
  return JSON.stringify(text).slice(1, -1);
}
