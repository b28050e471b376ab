import type { Cloud } from './cloud.ts';
import type { Server } from './state.ts';

/**
 * Counts a server's traffic up to now. The counters belong to the billing period, a calendar month, and start at 0 with each new
 * one. To be called before a server starts or goes off, and before anybody looks.
 */
export function countTraffic({ clock, options }: Cloud, server: Server): void {
  const now = clock.now();
  const { traffic } = server;
  const month = startOfMonth(now);
  if (traffic.at < month) {
    traffic.bytesIn = 0;
    traffic.bytesOut = 0;
  }
  if (server.startedAt !== undefined) {
    const seconds = (now - Math.max(traffic.at, month)) / 1_000;
    traffic.bytesIn += Math.max(0, seconds) * options.bytesInPerSecond;
    traffic.bytesOut += Math.max(0, seconds) * options.bytesOutPerSecond;
    traffic.known = true;
  }
  traffic.at = now;
}

function startOfMonth(now: number): number {
  const date = new Date(now);
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), 1);
}
