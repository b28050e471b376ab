import { z } from 'zod';
import type { PveCall } from './call.ts';
import { oneLine, PveProblem, refused, unsureKind } from './errors.ts';
import type { PveResponse } from './transport.ts';

type Scrub = (text: string) => string;

/** What the answer means; throws a PveProblem when it is a refusal, or not Proxmox's. */
export function answerOf<Answer>(call: PveCall<Answer>, response: PveResponse, scrub: Scrub): Answer {
  const { status, headers, body } = response;
  if (status >= 300 && status < 400) {
    throw notProxmox(
      call,
      'retry',
      status,
      `it redirects to ${oneLine(scrub(String(headers['location'] ?? 'nowhere')))}`,
    );
  }
  const json = parseJson(body);
  if (status < 200 || status >= 400) {
    if (json === undefined && isPage(response)) {
      // A page of a front proxy: what it refuses itself was not forwarded, what it calls its own failure may have been.
      const kind = status >= 400 && status < 500 ? 'retry' : unsureKind(call.effect);
      throw notProxmox(call, kind, status, 'it sends a web page');
    }
    const garbled = json === undefined && body !== '';
    throw refused({ doing: call.doing, effect: call.effect, status, text: scrub(saidBy(response, json)), garbled });
  }
  const data = envelope.safeParse(json);
  const parsed = data.success ? call.answer.safeParse(data.data.data) : data;
  if (parsed.success) return parsed.data as Answer;
  // The answer itself is never quoted: it may be the one that holds a new token.
  const why = json === undefined ? (isPage(response) ? 'it sends a web page' : 'it is no JSON') : issue(parsed.error);
  throw notProxmox(call, unsureKind(call.effect), status, why);
}

const envelope = z.object({ data: z.unknown() }).refine((body) => 'data' in body, 'expected "data"');

const refusal = z.object({
  message: z.string().optional().catch(undefined),
  errors: z.record(z.string(), z.unknown()).nullish().catch(undefined),
});

/** The text is in the body since 8.4, in the reason phrase alone before; what is wrong with parameters is listed beside it. */
function saidBy({ statusText }: PveResponse, json: unknown): string {
  const body = refusal.safeParse(json);
  const message = (body.success ? body.data.message : undefined)?.trim() || statusText.trim();
  const errors = Object.entries((body.success ? body.data.errors : undefined) ?? {});
  return [message, ...errors.map(([name, text]) => `${name}: ${wordsOf(text)}`)].filter(Boolean).join(' ');
}

/** Foreign data: to make an object a string calls whatever it says is its `toString`. */
function wordsOf(value: unknown): string {
  return typeof value === 'string' ? value.trim() : JSON.stringify(value);
}

function notProxmox(
  { doing }: PveCall<unknown>,
  kind: 'retry' | 'unknown-outcome',
  status: number,
  why: string,
): PveProblem {
  const what =
    kind === 'retry' ? `Could not ${doing}: ` : `Asked Proxmox to ${doing}, it cannot be told whether that was done: `;
  return new PveProblem(kind, 'not-proxmox', `${what}the answer (${status}) is not what Proxmox sends: ${why}`, {
    status,
  });
}

function isPage({ headers, body }: PveResponse): boolean {
  return /html/i.test(String(headers['content-type'] ?? '')) || /^\s*</.test(body);
}

function issue(error: z.ZodError): string {
  const [first] = error.issues;
  return first === undefined ? 'it has another form' : oneLine(`${first.path.join('.')}: ${first.message}`);
}

/** Undefined for what is not JSON; no answer of Proxmox is the bare word `null`, but that one is told apart all the same. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
