import { type Answer, HttpError, Refusal } from './answers.ts';
import type { AuthClass, Caller } from './auth.ts';
import type { Fields } from './fields.ts';
import type { Platform } from './options.ts';
import type { Contract, Delegation, Permission, Pool } from './state.ts';

/** One request that passed authentication and parsing. */
export interface Call {
  readonly platform: Platform;
  readonly now: number;
  readonly caller: Caller;
  /** Path parameters as spelled in the path. */
  readonly params: Readonly<Record<string, string>>;
  /** The JSON body; throws on access when the route takes none. */
  readonly body: Fields;
  readonly query: string;
  readonly headers: Readonly<Record<string, string | undefined>>;
}

export interface Route {
  /** What fault scripts and listeners call it. */
  readonly name: string;
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** Below /api/v1; `:name` is a parameter. */
  readonly path: string;
  readonly auth: AuthClass;
  /** Whether a JSON body is expected; without one the body is signed but never parsed. */
  readonly json?: true;
  /** The event stream takes its credentials from the query too. */
  readonly stream?: true;
  handle(call: Call): Answer;
}

/** The delegation of the agent that called. */
export function agentOf(call: Call): Delegation {
  const { agent } = call.caller;
  if (!agent) throw new HttpError(401, 'Missing required header: X-Agent-Pubkey');
  return agent;
}

export function requirePermission(call: Call, permission: Permission): void {
  if (!agentOf(call).permissions.includes(permission)) {
    throw new Refusal(`Agent does not have '${permission}' permission`);
  }
}

/** Compares the path's provider with the caller's; upper-case hex passes. Returns the canonical key. */
export function requirePathProvider(call: Call, mismatch = 'Unauthorized: provider key does not match'): string {
  const text = call.params['pk'] ?? '';
  const key = readKey(text);
  if (key !== call.caller.provider) throw new Refusal(mismatch);
  return key;
}

export function readKey(text: string): string {
  if (!/^(?:[0-9a-fA-F]{2})*$/.test(text)) throw new Refusal(`Invalid pubkey hex: ${text}`);
  if (text.length !== 64) {
    throw new Refusal(`Public key must be 32 bytes, got ${text.length / 2} bytes (value: ${text})`);
  }
  return text.toLowerCase();
}

/** The contract named in the path. Throws Refusal with `Contract not found…` when there is none. */
export function contractOf(
  call: Call,
  missing: (id: string) => string = (id) => `Contract not found: ${id}`,
): Contract {
  const id = contractId(call);
  const contract = call.platform.state.contracts.get(id);
  if (!contract) throw new Refusal(missing(id));
  return contract;
}

export function contractId(call: Call): string {
  const id = call.params['cid'] ?? '';
  if (!/^(?:[0-9a-fA-F]{2})+$/.test(id)) throw new Refusal(`Invalid contract id hex: ${id}`);
  return id.toLowerCase();
}

/** A pool of the calling provider. */
export function poolOf(call: Call, id = call.params['pool'] ?? ''): Pool {
  const pool = call.platform.state.pools.get(id);
  if (!pool || pool.provider !== call.caller.provider) throw new Refusal('Pool not found');
  return pool;
}

export function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
