import type { AgentEvent } from '../../src/telemetry/event-stream.ts';

/** Where the time of one stretch of a contract's life went. Milliseconds. */
export interface Stretch {
  /** Until the agent heard of it. */
  readonly waitMs: number;
  /** By step, in order: from its first beginning to its last end, repetitions included. */
  readonly steps: Readonly<Record<string, number>>;
  /** Between the steps: deciding, and the journal on the disk. */
  readonly ownMs: number;
  readonly totalMs: number;
}

export const DELIVERY = {
  heard: 'contract.admitted',
  steps: ['claim', 'announce', 'create', 'verify', 'deliver'],
  end: 'contract.done.deliver',
} as const;

export const REMOVAL = {
  heard: 'contract.goal',
  steps: ['destroy', 'terminate'],
  end: 'contract.done.terminate',
} as const;

/** Measures one contract's events from `begunAt` on; undefined when the stretch was not run through to its end. */
export function measure(
  events: readonly AgentEvent[],
  begunAt: number,
  stretch: typeof DELIVERY | typeof REMOVAL,
): Stretch | undefined {
  const heard = events.find(({ type, at }) => type === stretch.heard && at >= begunAt);
  const end = events.find(({ type }) => type === stretch.end);
  if (heard === undefined || end === undefined) return undefined;
  const steps = Object.fromEntries(stretch.steps.map((step) => [step, lengthOf(events, step)]));
  const waitMs = heard.at - begunAt;
  const totalMs = end.at - begunAt;
  const spent = Object.values(steps).reduce((sum, ms) => sum + ms, waitMs);
  return { waitMs, steps, ownMs: totalMs - spent, totalMs };
}

function lengthOf(events: readonly AgentEvent[], step: string): number {
  const first = events.find(({ type }) => type === `contract.intent.${step}`);
  const last = events.findLast(({ type }) => type === `contract.done.${step}`);
  return first === undefined || last === undefined ? 0 : last.at - first.at;
}

/** The value that a share (0 to 1) of all stretches does not exceed, for each figure by itself. */
export function quantile(stretches: readonly Stretch[], share: number): Stretch | undefined {
  const [one] = stretches;
  if (one === undefined) return undefined;
  const of = (read: (stretch: Stretch) => number): number => {
    const sorted = stretches.map(read).sort((a, b) => a - b);
    return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0;
  };
  return {
    waitMs: of((stretch) => stretch.waitMs),
    steps: Object.fromEntries(Object.keys(one.steps).map((name) => [name, of(({ steps }) => steps[name] ?? 0)])),
    ownMs: of((stretch) => stretch.ownMs),
    totalMs: of((stretch) => stretch.totalMs),
  };
}
