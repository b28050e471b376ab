import { Worker } from 'node:worker_threads';
import type { BackendName } from './backends.ts';
import type { Outcome } from './tell.ts';

export interface Failure {
  readonly seed: number;
  readonly rule: string;
  readonly text: string;
}

export interface Tally {
  stories: number;
  contracts: number;
  virtualMs: number;
  perMinute: number;
  readonly coverage: Set<string>;
  readonly failures: Failure[];
}

export interface CrewOptions {
  /** Seeds that once failed; they go first, and are played however late it is. */
  readonly known: readonly number[];
  readonly from: number;
  readonly seeds: number;
  readonly seconds?: number;
  readonly workers: number;
  readonly onProgress: (tally: Tally) => void;
  /** The program of the worker threads. */
  readonly teller?: URL;
  readonly backend: BackendName;
  /** Stop at the first failure. */
  readonly first?: boolean;
}

export interface Told extends Omit<Outcome, 'coverage'> {
  readonly seed: number;
  readonly coverage: readonly string[];
}

/** Hands seeds to worker threads until there are enough of them or the time is over. */
export async function runStories(options: CrewOptions): Promise<Tally> {
  const tally: Tally = { stories: 0, contracts: 0, virtualMs: 0, perMinute: 0, coverage: new Set(), failures: [] };
  const startedAt = performance.now();
  const teller = options.teller ?? new URL('./teller.mjs', import.meta.url);
  const queue = [...options.known];
  let fresh = 0;
  const next = (): number | undefined => {
    const over = options.seconds !== undefined && performance.now() - startedAt > options.seconds * 1000;
    if (options.first === true && tally.failures.length > 0) return undefined;
    return queue.shift() ?? (!over && fresh < options.seeds ? options.from + fresh++ : undefined);
  };
  const onTold = (told: Told): void => {
    add(tally, told);
    tally.perMinute = Math.round((tally.stories / (performance.now() - startedAt)) * 60_000);
    options.onProgress(tally);
  };
  await Promise.all(
    Array.from({ length: options.workers }, () =>
      employ(() => new Worker(teller, { workerData: { backend: options.backend } }), next, onTold),
    ),
  );
  return tally;
}

function add(tally: Tally, { seed, violations, coverage, contracts, virtualMs }: Told): void {
  tally.stories++;
  tally.contracts += contracts;
  tally.virtualMs += virtualMs;
  for (const pair of coverage) tally.coverage.add(pair);
  const [violation] = violations;
  if (violation !== undefined) tally.failures.push({ seed, rule: violation.rule, text: violation.text });
}

/** A story takes well under a second; one that takes this long goes round and round without time passing. */
const ENDLESS_MS = 60_000;

function employ(hire: () => Worker, next: () => number | undefined, onTold: (told: Told) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    let worker = hire();
    let guard: NodeJS.Timeout | undefined;
    const give = (): void => {
      const seed = next();
      clearTimeout(guard);
      if (seed === undefined) return void worker.terminate().then(() => resolve());
      worker.postMessage(seed);
      guard = setTimeout(() => {
        onTold({ seed, coverage: [], contracts: 0, virtualMs: 0, violations: [ENDLESS] });
        void worker.terminate();
        worker = hire();
        listen();
        give();
      }, ENDLESS_MS);
    };
    const listen = (): void => {
      worker.on('message', (told: Told) => {
        onTold(told);
        give();
      });
      worker.on('error', reject);
    };
    listen();
    give();
  });
}

const ENDLESS = { rule: 'every story ends', at: 0, text: 'time does not pass any more' };
