import type { Alter } from '../trial.ts';
import { brokenActing } from './acting.ts';
import { brokenBreakingOff } from './breaking-off.ts';
import { brokenLooking } from './looking.ts';
import { brokenMaking } from './making.ts';
import { brokenOpening } from './opening.ts';

export interface BrokenPlugin {
  readonly flaw: string;
  readonly alter: Alter;
  /** Rules of the kit that must notice; others may too. */
  readonly caughtBy: readonly string[];
}

/** Plugins as they are written in a hurry, each with one mistake that costs somebody a machine, money or an evening. */
export const brokenPlugins: readonly BrokenPlugin[] = [
  ...brokenMaking,
  ...brokenActing,
  ...brokenOpening,
  ...brokenLooking,
  ...brokenBreakingOff,
];
