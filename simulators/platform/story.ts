import type { Random } from '../../src/ports/random.ts';
import { type CoreOptions, createPlatformCore, type Outcome, type PlatformCore } from './core.ts';
import { type MovableClock, manualClock } from './manual-clock.ts';
import { cheapSigning, signRequest } from './sign.ts';
import type { Contract, Offering, Pool } from './state.ts';
import { cheapCrypto } from './verify.ts';

/** The least that a story about agents needs, for this folder's own tests: a provider, a pool, an agent in it, an offering. */
export interface Story {
  readonly core: PlatformCore;
  readonly clock: MovableClock;
  readonly provider: string;
  readonly pool: Pool;
  readonly offering: Offering;
  readonly agent: Actor;
  /** Another agent, in the same pool unless another one is given. */
  agentIn(pool: Pool): Actor;
  actor(seed: string, header: 'x-agent-pubkey' | 'x-public-key'): Actor;
  rent(): Contract;
  /** Takes a contract through the agent's reports to `active`. */
  bringUp(contract: Contract, details?: object): void;
}

export interface Actor {
  readonly key: string;
  /** One signed request below /api/v1, answered. */
  send(method: string, path: string, body?: object | string): Answered;
  outcome(method: string, path: string, body?: object | string): Outcome;
}

/** An answer as a test wants to look at it; envelope members are undefined when the body is not one. */
export interface Answered {
  readonly status: number;
  readonly text: string;
  readonly success: boolean | undefined;
  // biome-ignore lint/suspicious/noExplicitAny: tests reach into answers of every shape
  readonly data: ReturnType<typeof JSON.parse>;
  readonly error: string | undefined;
}

export function createStory(options: CoreOptions = {}): Story {
  const clock = manualClock();
  const random = seededRandom(1);
  const core = createPlatformCore({ clock, random, options: { crypto: cheapCrypto, ...options } });
  const provider = core.admin.provider();
  const pool = core.admin.pool(provider);
  const offering = core.admin.offering(provider);

  function actor(seed: string, header: 'x-agent-pubkey' | 'x-public-key'): Actor {
    const outcome: Actor['outcome'] = (method, below, body) => {
      const path = `/api/v1${below}`;
      const text = body === undefined ? '' : typeof body === 'string' ? body : JSON.stringify(body);
      const headers = signRequest({ seed, header, clock, random, signing: cheapSigning }, method, path, text);
      const type: Record<string, string> = body === undefined ? {} : { 'content-type': 'application/json' };
      return core.handle({ method, path, headers: { ...headers, ...type }, body: text, peer: '192.0.2.1' });
    };
    return {
      key: seed,
      outcome,
      send: (method, path, body) => read(outcome(method, path, body)),
    };
  }
  const agentIn = (target: Pool): Actor => {
    const { seed, key } = core.admin.keyPair();
    core.admin.register(core.admin.token(target), key);
    return actor(seed, 'x-agent-pubkey');
  };
  const agent = agentIn(pool);
  return {
    core,
    clock,
    provider,
    pool,
    offering,
    agent,
    agentIn,
    actor,
    rent: () => core.admin.rent({ offering }),
    bringUp(contract, details = { external_id: 'vm-1' }) {
      const path = `/provider/rental-requests/${contract.id}/provisioning`;
      agent.send('PUT', path, { status: 'provisioning' });
      const done = agent.send('PUT', path, { status: 'provisioned', instanceDetails: JSON.stringify(details) });
      if (!done.success) throw new Error(done.error);
    },
  };
}

function read(outcome: Outcome): Answered {
  const { status, headers, body } = outcome.response;
  const envelope = headers['content-type']?.startsWith('application/json') ? JSON.parse(body) : {};
  return { status, text: body, success: envelope.success, data: envelope.data, error: envelope.error };
}

/** mulberry32: small, fast, and the same on every machine. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  const float = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
  const bytes = (count: number): Uint8Array => Uint8Array.from({ length: count }, () => Math.floor(float() * 256));
  return {
    float,
    bytes,
    uuid() {
      const raw = bytes(16);
      raw[6] = ((raw[6] ?? 0) & 0x0f) | 0x40;
      raw[8] = ((raw[8] ?? 0) & 0x3f) | 0x80;
      const text = Buffer.from(raw).toString('hex');
      return [text.slice(0, 8), text.slice(8, 12), text.slice(12, 16), text.slice(16, 20), text.slice(20)].join('-');
    },
  };
}
