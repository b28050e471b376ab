import type { DemoBackend } from './backend.ts';
import type { Launched } from './launch.ts';
import type { Lease, Market } from './market.ts';
import type { DemoInput } from './options.ts';
import type { Trouble } from './trouble.ts';
import type { Door } from './visit.ts';

export interface Scene extends Launched {
  readonly input: DemoInput;
  readonly home: string;
  readonly backend: DemoBackend;
  readonly market: Market;
  readonly trouble: Trouble;
  /** From here on the first interruption does not break the story off. */
  readonly undisturbed: () => void;
}

/** A machine that was handed over, and what its tenant saw there. */
export interface Tenancy {
  readonly lease: Lease;
  readonly door: Door;
  readonly output: string;
}
