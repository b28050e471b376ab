import type { Cloud } from './cloud.ts';
import type { Instance } from './state.ts';

const DAY_MS = 86_400_000;

/** Counts an instance's traffic up to now, by the UTC day. To be called before it starts or goes off, and before anybody looks. */
export function countTraffic({ clock, options }: Cloud, { traffic, startedAt }: Instance): void {
  const now = clock.now();
  if (startedAt !== undefined) {
    for (let from = traffic.at; from < now; ) {
      const until = Math.min(now, (Math.floor(from / DAY_MS) + 1) * DAY_MS);
      addTraffic(traffic.days, from, {
        bytesIn: Math.round(((until - from) / 1_000) * options.bytesInPerSecond),
        bytesOut: Math.round(((until - from) / 1_000) * options.bytesOutPerSecond),
      });
      from = until;
    }
  }
  traffic.at = now;
}

export function addTraffic(
  days: Instance['traffic']['days'],
  at: number,
  { bytesIn, bytesOut }: { readonly bytesIn: number; readonly bytesOut: number },
): void {
  const day = dayOf(at);
  const before = days.get(day) ?? { bytesIn: 0, bytesOut: 0 };
  days.set(day, { bytesIn: before.bytesIn + bytesIn, bytesOut: before.bytesOut + bytesOut });
}

/** The days that `date_range` asks for, counted back from today. */
export function shownDays({ clock }: Cloud, { traffic }: Instance, range: number): Instance['traffic']['days'] {
  const first = dayOf(clock.now() - range * DAY_MS);
  return new Map([...traffic.days].filter(([day]) => day >= first));
}

function dayOf(at: number): string {
  return new Date(at).toISOString().slice(0, 10);
}
