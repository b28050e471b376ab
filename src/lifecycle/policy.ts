import type { FailureKind } from './record.ts';
import type { Step } from './steps.ts';

/** Times in ms. */
export interface Policy {
  /** From taking a contract to giving up. Below the platform's own 60 minutes, so that the tenant hears a reason. */
  readonly deliverWithinMs: number;
  /** How long a machine may take to accept a login before it is given up. */
  readonly readyWithinMs: number;
  /** Renew the lock when less than this is left of it. The platform's lock lasts 300 s. */
  readonly renewLockBelowMs: number;
  /** Never start a report or a create with less of the lock left. */
  readonly lockMarginMs: number;
  readonly breaker: BreakerPolicy;
  /** How long the platform must have called a machine unknown, after its paid time, before it is removed. */
  readonly orphanGraceMs: number;
}

export interface BreakerPolicy {
  /** So many machines may be stopped or removed on the platform's word alone within `windowMs`... */
  readonly maxCount: number;
  /** ...or this share of all handed-over machines, whichever is more. */
  readonly maxShare: number;
  readonly windowMs: number;
  /** Beyond that, the platform must still say so after this much real time. */
  readonly holdMs: number;
}

const MINUTE = 60_000;

export const defaultPolicy: Policy = {
  deliverWithinMs: 55 * MINUTE,
  readyWithinMs: 10 * MINUTE,
  renewLockBelowMs: 180_000,
  lockMarginMs: 45_000,
  breaker: { maxCount: 5, maxShare: 0.2, windowMs: 10 * MINUTE, holdMs: 10 * MINUTE },
  orphanGraceMs: 60 * MINUTE,
};

interface Pace {
  readonly first: number;
  readonly cap: number;
}

const BACKEND: Pace = { first: 1_000, cap: 60_000 };
const PLATFORM: Pace = { first: 500, cap: 60_000 };
const OPERATOR: Pace = { first: 15_000, cap: 300_000 };
const CRASH_LOOP: Pace = { first: 5_000, cap: 600_000 };

/** What kind of waiting suits a failure of this step: by whom it can be repaired, and how costly another try is. */
export function pace(step: Step, kind: FailureKind): Pace {
  if (kind === 'config' || kind === 'not-ours' || kind === 'permanent') return OPERATOR;
  if (step === 'start') return CRASH_LOOP;
  return step === 'create' ||
    step === 'destroy' ||
    step === 'prune' ||
    step === 'stop' ||
    step === 'verify' ||
    step === 'recipe' ||
    step === 'withdraw' ||
    step === 'rekey' ||
    step === 'reset' ||
    step === 'open-route' ||
    step === 'close-route'
    ? BACKEND
    : PLATFORM;
}
