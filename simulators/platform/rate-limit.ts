import type { Answer } from './answers.ts';
import { throttled } from './faults.ts';

export type RateLimit = (peer: string, method: string, path: string, now: number) => Answer | undefined;

/** Fixed windows of a minute per peer and tier, as in production: 120 reads and 60 writes. Undefined lets the request pass. */
export function createRateLimit(): RateLimit {
  const windows = new Map<string, { startedAt: number; count: number }>();
  return (peer, method, path, now) => {
    if (path === '/api/v1/health' || path.startsWith('/api/v1/acme-dns/')) return undefined;
    const tier = READS.has(method) ? 'relaxed' : 'standard';
    const key = `${peer} ${tier}`;
    let window = windows.get(key);
    if (!window || now - window.startedAt >= WINDOW_MS) {
      window = { startedAt: now, count: 0 };
      windows.set(key, window);
    }
    window.count++;
    return window.count > LIMITS[tier] ? throttled(60, tier) : undefined;
  };
}

const WINDOW_MS = 60_000;
const LIMITS = { relaxed: 120, standard: 60 };
const READS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS']);
