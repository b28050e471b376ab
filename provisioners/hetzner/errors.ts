import { jsonOf } from '../../src/provisioner/cloud/transport.ts';
import { type ErrorKind, ProvisionerError } from '../../src/provisioner/index.ts';
import type { HetznerResponse } from './transport.ts';
import { refusal as refusalSchema } from './wire.ts';

/** An error that the API told in its own words, or with nothing but a status. */
export interface Refusal {
  /** Completes the sentence "Hetzner refused to …". */
  readonly doing: string;
  readonly status: number;
  /** Undefined when the answer was not the API's: a proxy's page, another server's 404. */
  readonly code: string | undefined;
  /** The fields of the request that it is about, where the API named any. */
  readonly fields: readonly string[];
  /** Cleaned, for the operator. */
  readonly text: string;
}

export function readRefusal(doing: string, response: HetznerResponse, token: string): Refusal {
  const parsed = refusalSchema.safeParse(jsonOf(response.body));
  const { status } = response;
  const correlation = response.headers['x-correlation-id'];
  const trace = typeof correlation === 'string' ? ` (correlation id ${clean(correlation, token).slice(0, 64)})` : '';
  if (!parsed.success) {
    return {
      doing,
      status,
      code: undefined,
      fields: [],
      text: `HTTP ${status} with something that is not the API's${trace}`,
    };
  }
  const { code, message, details } = parsed.data.error;
  const fields = details?.fields?.map(({ name }) => name) ?? [];
  const words = [message, fields.length === 0 ? '' : `fields: ${fields.join(', ')}`, details?.announcement]
    .filter((word) => typeof word === 'string' && word !== '')
    .join('; ');
  return { doing, status, code, fields, text: `${code}: ${clean(words, token).slice(0, 300)}${trace}` };
}

/**
 * Kinds by code. What is missing here is judged by its status.
 *
 * `not_found` is of a thing that was referred to (an image, a key, a network): whoever asks whether a server exists deals
 * with it himself.
 */
const KINDS: Readonly<Partial<Record<string, ErrorKind>>> = table({
  unauthorized: 'config',
  token_readonly: 'config',
  forbidden: 'config',
  protected: 'config',
  deprecated_api_endpoint: 'config',
  method_not_allowed: 'config',
  not_found: 'config',
  json_error: 'permanent',
  invalid_input: 'permanent',
  unsupported_error: 'permanent',
  invalid_server_type: 'permanent',
  resource_unavailable: 'capacity',
  placement_error: 'capacity',
  resource_limit_exceeded: 'capacity',
  rate_limit_exceeded: 'throttled',
  conflict: 'retry',
  locked: 'retry',
  maintenance: 'retry',
  unavailable: 'retry',
  server_not_stopped: 'retry',
  must_be_unassigned: 'retry',
  resource_in_use: 'retry',
});

/** Trouble inside the API, which may have struck when the work was done. */
const STRUCK: ReadonlySet<string> = new Set(['service_error', 'server_error', 'timeout', 'bad_gateway']);

const REMEDY: Readonly<Partial<Record<string, string>>> = table({
  unauthorized: 'make a new API token in the project and put it into `token`',
  token_readonly: 'make an API token with read and write permission',
  forbidden: 'look at the account in the Hetzner console',
  protected: 'remove the protection of the server in the Hetzner console',
  deprecated_api_endpoint: 'this version of the agent is too old for the API: upgrade it',
  resource_limit_exceeded: 'ask Hetzner for a higher limit, or lower max_servers',
});

/** ms after which trying again makes sense; the API never tells. */
const PAUSES: Readonly<Partial<Record<string, number>>> = table({
  locked: 10_000,
  maintenance: 180_000,
  unavailable: 60_000,
  rate_limit_exceeded: 5_000,
});

/** What a refusal means. `lost`: the kind of a server error, which may have struck before or after the work was done. */
export function refused(refusal: Refusal, lost: ErrorKind = 'retry'): ProvisionerError {
  const { doing, status, code = '', text } = refusal;
  const kind = STRUCK.has(code) ? lost : (KINDS[code] ?? kindOfStatus(status, lost));
  const remedy = REMEDY[code] === undefined ? '' : `; ${REMEDY[code]}`;
  const retryAfterMs = PAUSES[code];
  const message = `Hetzner refused to ${doing}: ${text}${remedy}`;
  return new ProvisionerError(kind, message, retryAfterMs === undefined ? {} : { retryAfterMs });
}

/** Codes are foreign text: `constructor` must not be found. */
function table<T>(entries: Readonly<Record<string, T>>): Readonly<Partial<Record<string, T>>> {
  return Object.assign(Object.create(null), entries);
}

function kindOfStatus(status: number, lost: ErrorKind): ErrorKind {
  if (status === 429) return 'throttled';
  if (status === 401 || status === 403) return 'config';
  if (status >= 500) return lost;
  // Codes come into being without notice: an order is never failed over one that is not known here.
  return status === 404 || status === 410 ? 'config' : 'retry';
}

/**
 * Takes secrets out of foreign text. A message of this API was once seen to hold the token that the request came with; and one
 * about invalid input may hold what was put in.
 */
export function clean(text: string, token: string): string {
  return text
    .replaceAll(token, '[token]')
    .replace(/-----BEGIN[\s\S]*?(?:-----END[^-]*-----|$)/g, '[key]')
    .replace(/\b[A-Za-z0-9]{64}\b/g, '[token]')
    .replace(/\s+/g, ' ')
    .trim();
}
