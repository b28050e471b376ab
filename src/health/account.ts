import type { UptimeState } from './lines.ts';
import type { DueSample } from './read.ts';

/** A stretch of time and what it counts as. `unseen`: nobody looked. */
export interface Stretch {
  readonly from: number;
  readonly to: number;
  readonly counts: UptimeState | 'unseen';
}

/** Time in ms by what it counts as. */
export interface Account {
  readonly up: number;
  readonly down: number;
  readonly unknown: number;
  readonly paused: number;
  readonly unseen: number;
}

export interface Outage {
  readonly from: number;
  /** Absent where nobody saw the machine up again yet. */
  readonly to?: number;
}

/** So many intervals may lie between two samples that vouch for the time between them. */
const LATEST = 2;

/**
 * The time between each two samples. Only what lies between two good ones, not too far apart, counts as up: a change happened
 * somewhere between two samples, and nobody knows where. Where the clock was set back, what came after that counts, once.
 */
export function stretches(samples: readonly DueSample[]): Stretch[] {
  const found: Stretch[] = [];
  let before: DueSample | undefined;
  for (const sample of samples) {
    if (before !== undefined && sample.at > before.at)
      found.push({ from: before.at, to: sample.at, counts: between(before, sample) });
    else cut(found, sample.at);
    before = sample;
  }
  return found;
}

function cut(found: Stretch[], at: number): void {
  for (let last = found.at(-1); last !== undefined && last.to > at; last = found.at(-1)) {
    found.pop();
    if (last.from < at) found.push({ ...last, to: at });
  }
}

function between(before: DueSample, after: DueSample): Stretch['counts'] {
  if (after.at - before.at > LATEST * before.intervalMs) return 'unseen';
  if (before.state !== 'up') return before.state;
  if (after.state === 'up' || after.state === 'down') return after.state;
  return 'unknown';
}

/** What a window adds up to. Time before the first and after the last sample is unseen. */
export function accountOf(found: readonly Stretch[], from: number, to: number): Account {
  const account = { up: 0, down: 0, unknown: 0, paused: 0, unseen: 0 };
  let seen = 0;
  for (const stretch of found) {
    const ms = Math.min(stretch.to, to) - Math.max(stretch.from, from);
    if (ms <= 0) continue;
    account[stretch.counts] += ms;
    seen += ms;
  }
  account.unseen += Math.max(0, to - from - seen);
  return account;
}

/** Of the time that is known, how much was up; undefined where nothing is known. */
export function shareOf({ up, down }: Account): number | undefined {
  return up + down === 0 ? undefined : up / (up + down);
}

/** When it was down, oldest first. The last one is open while the latest sample is bad. */
export function outagesOf(samples: readonly DueSample[]): Outage[] {
  const outages: Outage[] = [];
  for (const { from, to, counts } of stretches(samples)) {
    if (counts !== 'down') continue;
    const last = outages.at(-1);
    if (last?.to === from) outages[outages.length - 1] = { from: last.from, to };
    else outages.push({ from, to });
  }
  const latest = samples.at(-1);
  if (latest?.state !== 'down') return outages;
  const last = outages.at(-1);
  if (last?.to === latest.at) outages[outages.length - 1] = { from: last.from };
  else outages.push({ from: latest.at });
  return outages;
}
