import { pace } from './policy.ts';
import type { ContractRecord, Tries } from './record.ts';
import type { Step } from './steps.ts';

/**
 * When a step may be tried again: 0 when it was not tried, else a time in ms. Pure: the jitter comes from the contract's own id,
 * so contracts spread out, while a replay of the same record always gives the same time.
 */
export function dueAt(record: ContractRecord, step: Step, now: number): number {
  const tries = record.tries[step];
  if (tries === undefined || tries.kind === 'parked') return 0;
  // A clock that went back must not turn a back-off into days.
  if (tries.lastAt > now) return 0;
  return tries.lastAt + delay(record, step, tries);
}

const FREE_STARTS = 2;
const CRASH_LOOP_FIRST_MS = 30_000;
const CRASH_LOOP_CAP_MS = 600_000;

/** When a machine that is off may be started: at once, unless it keeps going off. */
export function startDueAt(record: ContractRecord, now: number): number {
  const { starts } = record;
  const due = dueAt(record, 'start', now);
  if (starts === undefined || starts.count <= FREE_STARTS || starts.lastAt > now) return due;
  const wait = Math.min(CRASH_LOOP_CAP_MS, CRASH_LOOP_FIRST_MS * 2 ** (starts.count - FREE_STARTS - 1));
  return Math.max(due, starts.lastAt + wait);
}

function delay(record: ContractRecord, step: Step, tries: Tries): number {
  const { first, cap } = pace(step, tries.kind);
  const ceiling = Math.min(cap, first * 2 ** Math.min(tries.count - 1, 20));
  const chance = fraction(`${record.contract}${step}${tries.count}`);
  const asked = Math.min(tries.retryAfterMs ?? 0, 600_000);
  // A little later than asked for: where maintenance was announced, everybody was told the same moment.
  return Math.max(ceiling * (0.5 + 0.5 * chance), asked + chance * Math.min(60_000, asked / 2));
}

/** FNV-1a of the text, as a number in [0, 1). */
function fraction(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  }
  // The last multiplication alone leaves similar texts close together.
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
  return ((hash ^ (hash >>> 12)) >>> 0) / 2 ** 32;
}
