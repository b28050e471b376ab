import { jsonOf } from '../../src/provisioner/cloud/transport.ts';
import { type ErrorKind, ProvisionerError } from '../../src/provisioner/index.ts';
import type { VultrResponse } from './transport.ts';
import { refusal as refusalSchema } from './wire.ts';

/** An error that the API told. It has no codes: a status, and a text that is for people only. */
export interface Refusal {
  /** Completes the sentence "Vultr refused to …". */
  readonly doing: string;
  readonly status: number;
  /** False when the answer was not the API's: a proxy's page, another server's 404. */
  readonly isApis: boolean;
  /** Cleaned, for the operator. */
  readonly text: string;
}

export function readRefusal(doing: string, { status, body }: VultrResponse, key: string): Refusal {
  const parsed = refusalSchema.safeParse(jsonOf(body));
  if (!parsed.success || parsed.data.status !== status) {
    return { doing, status, isApis: false, text: `HTTP ${status} with something that is not the API's` };
  }
  return { doing, status, isApis: true, text: `HTTP ${status}: ${clean(parsed.data.error, key).slice(0, 300)}` };
}

/** What a refusal means. `lost`: the kind of a server error, which may have struck before or after the work was done. */
export function refused(refusal: Refusal, lost: ErrorKind = 'retry'): ProvisionerError {
  const { doing, status, text } = refusal;
  const remedy = REMEDY[status] === undefined ? '' : `; ${REMEDY[status]}`;
  const message = `Vultr refused to ${doing}: ${text}${remedy}`;
  return new ProvisionerError(kindOf(status, lost), message, status === 429 ? { retryAfterMs: 5_000 } : {});
}

/** An order is never failed over a status: what stands in it comes from the operator's settings. */
function kindOf(status: number, lost: ErrorKind): ErrorKind {
  if (status >= 500) return lost;
  if (status === 429) return 'throttled';
  // Busy, locked, too early: it passes.
  return status === 408 || status === 409 || status === 423 || status === 425 ? 'retry' : 'config';
}

/** Keys are bound to addresses; one that moved with its host to another address is refused like a wrong one. */
const KEY_REMEDY =
  'see that `api_key` is right, that this host’s IPv4 and IPv6 addresses are allowed under API, Access Control in the Vultr console, and that the key may manage and deploy instances';

const REMEDY: Readonly<Partial<Record<number, string>>> = {
  400: 'see that plans, regions, image and firewall_group are what the account can order',
  401: KEY_REMEDY,
  402: 'look at the account’s balance in the Vultr console',
  403: KEY_REMEDY,
  404: 'see that `endpoint` is right, and that the image and the firewall group still exist',
};

/** True when the API said that it is the address which it does not know. */
export function isAddressRefused(text: string): boolean {
  return /\bIP\b/i.test(text);
}

/** Takes secrets out of foreign text; it may quote what was sent. */
export function clean(text: string, key: string): string {
  return text
    .replaceAll(key, '[key]')
    .replace(/-----BEGIN[\s\S]*?(?:-----END[^-]*-----|$)/g, '[key]')
    .replace(/\b[A-Za-z0-9+/]{36,}={0,2}/g, '[removed]')
    .replace(/\s+/g, ' ')
    .trim();
}
