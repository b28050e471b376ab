/** How far our clock is from the platform's. */
export interface ClockSkew {
  /** Our clock minus the platform's, in ms: positive when ours is ahead. */
  readonly skewMs: number;
  /** The truth lies within skewMs ± this. `Date` counts whole seconds, so one answer alone gives no better than ± 0.5 s. */
  readonly uncertaintyMs: number;
}

/** The platform refuses requests whose time is further from its own. */
export const MAX_SKEW_MS = 300_000;

export interface SkewEstimator {
  /** Takes in one answer: its headers, and our wall clock just before sending and just after receiving. */
  observe(headers: Readonly<Record<string, string>>, sentAt: number, receivedAt: number): void;
  /** Undefined until an answer carried a usable date. */
  estimate(): ClockSkew | undefined;
}

interface Bounds {
  readonly low: number;
  readonly high: number;
}

/** Enough to narrow the estimate well below a second, few enough that a slow drift does not contradict itself. */
const REMEMBERED = 8;

/** Estimates from the `Date` header: each answer bounds the skew from both sides, and bounds that agree are intersected. */
export function createSkewEstimator(): SkewEstimator {
  let recent: Bounds[] = [];
  return {
    observe(headers, sentAt, receivedAt) {
      const date = Date.parse(headers.date ?? '');
      // A cached answer (it carries Age) has an old date; a receipt before the sending means that our own clock was set meanwhile.
      if (!Number.isFinite(date) || headers.age !== undefined || receivedAt < sentAt) return;
      const bounds = { low: sentAt - (date + 1000), high: receivedAt - date };
      // Bounds that contradict the newest ones are from before one of the clocks was set.
      recent = [...recent.filter((old) => overlap(old, bounds)), bounds].slice(-REMEMBERED);
    },
    estimate() {
      const newest = recent.at(-1);
      if (!newest) return undefined;
      let { low, high } = newest;
      for (const bounds of recent.toReversed()) {
        if (!overlap(bounds, { low, high })) continue;
        low = Math.max(low, bounds.low);
        high = Math.min(high, bounds.high);
      }
      return { skewMs: (low + high) / 2, uncertaintyMs: (high - low) / 2 };
    },
  };
}

function overlap(a: Bounds, b: Bounds): boolean {
  return a.low <= b.high && b.low <= a.high;
}
