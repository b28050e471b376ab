import type { ApiResponse } from '../../src/provisioner/cloud/transport.ts';
import { jsonOf } from '../../src/provisioner/cloud/transport.ts';
import { type ErrorKind, ProvisionerError } from '../../src/provisioner/index.ts';
import { refusal as refusalSchema } from './wire.ts';

/** What a refusal is about, as far as its identifier and its text tell. The API has one identifier for everything wrong with an order. */
export type Topic =
  | 'absent'
  | 'credentials'
  | 'rights'
  | 'throttled'
  | 'pending-event'
  | 'already-so'
  | 'stock'
  | 'limit'
  | 'choice'
  | 'key'
  | 'user-data'
  | 'taken'
  | 'trouble'
  | 'other';

/** An error that the API told in its own words, or with nothing but a status. */
export interface Refusal {
  /** Completes the sentence "DigitalOcean refused to …". */
  readonly doing: string;
  readonly status: number;
  readonly topic: Topic;
  /** Cleaned, for the operator. */
  readonly text: string;
  /** Told by the refusal of a burst only. */
  readonly retryAfterMs?: number;
}

export function readRefusal(doing: string, { status, headers, body }: ApiResponse, token: string): Refusal {
  const parsed = refusalSchema.safeParse(jsonOf(body));
  const wait = retryAfter(headers);
  const more = wait === undefined ? {} : { retryAfterMs: wait };
  if (!parsed.success) {
    const topic = topicOfStatus(status);
    return { doing, status, topic, text: `HTTP ${status} with something that is not the API's`, ...more };
  }
  const { id, message } = parsed.data;
  const request = headers['x-request-id'];
  const trace = typeof request === 'string' ? ` (request ${clean(request, token).slice(0, 64)})` : '';
  const text = `${clean(id, token)}: ${clean(message ?? '', token).slice(0, 300)}${trace}`;
  return { doing, status, topic: topicOf(status, id, message ?? ''), text, ...more };
}

/**
 * The texts of `unprocessable_entity`, as they have been seen. Words and not sentences, since these change; what none of them
 * knows fails no order.
 */
const TEXTS: readonly (readonly [RegExp, Topic])[] = [
  [/pending event|event.*in progress/i, 'pending-event'],
  [/already powered|currently powered/i, 'already-so'],
  [/exceed.*limit|limit.*(?:exceed|reached)/i, 'limit'],
  [/invalid (?:size|region|image)|image.*too large|not in the same region/i, 'choice'],
  [/invalid key identifier/i, 'key'],
  [/(?:size|region|image|capacity|stock).*(?:not available|unavailable|restricted|sold out|insufficient)/i, 'stock'],
  [/(?:out of|insufficient) (?:stock|capacity)/i, 'stock'],
  [/user.?data/i, 'user-data'],
  [/already in use/i, 'taken'],
];

function topicOf(status: number, id: string, message: string): Topic {
  // A path that does not exist answers the same way: whoever relies on an absence looks for a second witness.
  if (status === 404) return id === 'not_found' ? 'absent' : 'other';
  if (id === 'unprocessable_entity' || status === 422) {
    return TEXTS.find(([pattern]) => pattern.test(message))?.[1] ?? 'other';
  }
  return topicOfStatus(status);
}

function topicOfStatus(status: number): Topic {
  if (status === 401) return 'credentials';
  if (status === 403) return 'rights';
  if (status === 429) return 'throttled';
  return status >= 500 ? 'trouble' : 'other';
}

const KINDS: Readonly<Record<Topic, ErrorKind>> = {
  absent: 'config',
  credentials: 'config',
  rights: 'config',
  throttled: 'throttled',
  'pending-event': 'retry',
  'already-so': 'retry',
  stock: 'capacity',
  limit: 'capacity',
  choice: 'config',
  key: 'retry',
  'user-data': 'permanent',
  taken: 'retry',
  trouble: 'retry',
  other: 'retry',
};

const REMEDY: Readonly<Partial<Record<Topic, string>>> = {
  absent: 'look at `endpoint` and at the names in the settings',
  credentials: 'make a new API token and put it into `api_token`',
  rights: 'give the API token the scopes that the operator guide lists',
  limit: 'ask DigitalOcean for a higher droplet limit, or lower max_droplets',
  choice: 'correct the sizes, regions and images in the settings: `doctor` shows what there is',
};

/** ms after which trying again makes sense. */
const PAUSES: Readonly<Partial<Record<Topic, number>>> = { 'pending-event': 10_000, throttled: 15_000 };

/** What a refusal means. `lost`: the kind of a server error, which may have struck before or after the work was done. */
export function refused(refusal: Refusal, lost: ErrorKind = 'retry'): ProvisionerError {
  const { doing, topic, text } = refusal;
  const kind = topic === 'trouble' ? lost : KINDS[topic];
  const remedy = REMEDY[topic] === undefined ? '' : `; ${REMEDY[topic]}`;
  const retryAfterMs = refusal.retryAfterMs ?? PAUSES[topic];
  const message = `DigitalOcean refused to ${doing}: ${text}${remedy}`;
  return new ProvisionerError(kind, message, retryAfterMs === undefined ? {} : { retryAfterMs });
}

/** Seconds, told with the refusal of a burst; an hour at most is believed. */
function retryAfter(headers: ApiResponse['headers']): number | undefined {
  const text = headers['retry-after'];
  return typeof text === 'string' && /^\d{1,4}$/.test(text) ? Math.min(Number(text), 3_600) * 1_000 : undefined;
}

/** Takes secrets out of foreign text: a refusal may quote the request, which holds the token, or the user data. */
export function clean(text: string, token: string): string {
  return text
    .replaceAll(token, '[token]')
    .replace(/-----BEGIN[\s\S]*?(?:-----END[^-]*-----|$)/g, '[key]')
    .replace(/\bdo[a-z]_v1_[0-9a-f]{16,}\b/g, '[token]')
    .replace(/\b[A-Za-z0-9]{64}\b/g, '[token]')
    .replace(/\s+/g, ' ')
    .trim();
}
