import { HttpError } from './answers.ts';
import type { PlatformRequest } from './core.ts';
import type { Platform } from './options.ts';
import type { Delegation } from './state.ts';

/** Which key header a route takes. `either` prefers the agent's when both are there. */
export type AuthClass = 'agent' | 'either' | 'provider' | 'none';

export interface Caller {
  /** The key that signed. */
  readonly key: string;
  /** The provider it speaks for: the delegator of an agent, else the key itself. */
  readonly provider: string;
  readonly agent?: Delegation;
}

const NOBODY: Caller = { key: '', provider: '' };

/**
 * The server's checks in its order: headers present, key and signature well-formed, clock, nonce, signature, delegation.
 * Nonces are only looked at, never stored: a captured request can be replayed while its timestamp lasts. Throws HttpError.
 */
export function authenticate(platform: Platform, request: PlatformRequest, auth: AuthClass, now: number): Caller {
  if (auth === 'none') return NOBODY;
  return check(platform, request, auth, now, (name) => request.headers[name]);
}

/** The event stream also takes its credentials from the query (not URL-decoded); every failure there is a 401. */
export function authenticateStream(platform: Platform, request: PlatformRequest, now: number): Caller {
  const query = new Map<string, string>();
  for (const pair of (request.path.split('?')[1] ?? '').split('&')) {
    const at = pair.indexOf('=');
    if (at > 0) query.set(pair.slice(0, at), pair.slice(at + 1));
  }
  try {
    return check(
      platform,
      request,
      'either',
      now,
      (name) => request.headers[name] ?? query.get(QUERY_NAMES[name] ?? ''),
    );
  } catch (error) {
    if (error instanceof HttpError) throw new HttpError(401, error.message);
    throw error;
  }
}

const QUERY_NAMES: Readonly<Record<string, string>> = {
  'x-agent-pubkey': 'agent_pubkey',
  'x-public-key': 'pubkey',
  'x-signature': 'signature',
  'x-timestamp': 'timestamp',
  'x-nonce': 'nonce',
};

function check(
  platform: Platform,
  request: PlatformRequest,
  auth: Exclude<AuthClass, 'none'>,
  now: number,
  header: (name: string) => string | undefined,
): Caller {
  const agentKey = auth === 'provider' ? undefined : header('x-agent-pubkey');
  const asAgent = auth === 'agent' || agentKey !== undefined;
  const key = present(asAgent ? 'X-Agent-Pubkey' : 'X-Public-Key', asAgent ? agentKey : header('x-public-key'));
  const signature = present('X-Signature', header('x-signature'));
  const timestamp = present('X-Timestamp', header('x-timestamp'));
  const nonce = present('X-Nonce', header('x-nonce'));

  checkHex(key, 32, 'public key');
  checkHex(signature, 64, 'signature');
  checkClock(timestamp, now, platform.settings.skewMs);
  if (!UUID.test(nonce)) throw new HttpError(400, 'Invalid format: nonce is not a UUID');

  const publicKey = key.toLowerCase();
  if (!platform.crypto.isPublicKey(publicKey)) throw new HttpError(500, 'Internal error: invalid public key');
  const path = request.path.split('?', 1)[0];
  const message = Buffer.from(`${timestamp}${nonce}${request.method}${path}${request.body}`);
  if (!platform.crypto.verify(publicKey, message, signature.toLowerCase())) {
    throw new HttpError(401, 'Invalid signature: Signature verification failed');
  }
  if (!asAgent) return { key: publicKey, provider: publicKey };

  const agent = platform.state.agents.get(publicKey);
  const live = agent && agent.revokedAt === undefined && (agent.expiresAt === undefined || agent.expiresAt > now);
  if (!live) throw new HttpError(401, `Invalid signature: No active delegation found for agent key '${publicKey}'`);
  return { key: publicKey, provider: agent.provider, agent };
}

/** Any spelling of a UUID passes: hyphenated, simple, braced, urn. The version is not looked at. */
const UUID =
  /^(?:[0-9a-f]{32}|(?:urn:uuid:)?[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|\{[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\})$/i;

function present(name: string, value: string | undefined): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the server refuses header values outside visible ASCII
  if (value === undefined || !/^[\x20-\x7e\t]*$/.test(value))
    throw new HttpError(401, `Missing required header: ${name}`);
  return value;
}

function checkHex(text: string, bytes: number, what: string): void {
  if (!/^(?:[0-9a-fA-F]{2})*$/.test(text)) throw new HttpError(400, `Invalid format: ${what} is not hex`);
  if (text.length !== bytes * 2) {
    throw new HttpError(400, `Invalid format: ${what} must be ${bytes} bytes, got ${text.length / 2}`);
  }
}

function checkClock(timestamp: string, now: number, skewMs: number): void {
  const value = /^[+-]?\d{1,20}$/.test(timestamp) ? BigInt(timestamp) : undefined;
  if (value === undefined || value !== BigInt.asIntN(64, value)) {
    throw new HttpError(400, 'Invalid format: timestamp is not a 64-bit integer');
  }
  const age = BigInt(Math.trunc(now)) * 1_000_000n - value;
  const limit = BigInt(skewMs) * 1_000_000n;
  if (age > limit || age < -limit) throw new HttpError(401, 'Request timestamp expired (max 5 minutes)');
}
