import { randomBytes, randomInt, randomUUID } from 'node:crypto';

/** Randomness is handed in, so that a simulated run can be replayed from its seed. */
export interface Random {
  /** Uniform in [0, 1). */
  float(): number;
  bytes(count: number): Uint8Array;
  /** UUID v4, lower case, hyphenated. */
  uuid(): string;
}

/** The operating system's randomness. */
export const systemRandom: Random = {
  float: () => randomInt(0, 2 ** 47) / 2 ** 47,
  bytes: (count) => randomBytes(count),
  uuid: () => randomUUID(),
};

/** `ms` spread evenly over [1 - share, 1 + share], so that a fleet never acts in step. */
export function jitter(random: Random, ms: number, share = 0.2): number {
  return ms * (1 - share + 2 * share * random.float());
}

/** Exponential back-off with full jitter: attempt 1 waits up to `base`, later ones up to twice the one before, never above `cap`. */
export function backoff(random: Random, attempt: number, base: number, cap: number): number {
  const ceiling = Math.min(cap, base * 2 ** Math.max(0, Math.min(attempt - 1, 30)));
  return ceiling * (0.25 + 0.75 * random.float());
}
