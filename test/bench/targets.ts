import { silent, timesOf } from '../simulation/sick-target.ts';
import { type Bench, type Findings, median, type Scope } from './figure.ts';

export const targets: Bench = {
  name: 'targets',
  about: 'What a target costs when two others of the same agent answer nothing: virtual time.',
  run: measure,
};

/** Each seed draws other jitter; one alone would show that, and not the agent. */
const SEEDS = [11, 12, 13, 14, 15, 16];

async function measure(scope: Scope): Promise<Findings> {
  const seeds = scope.quick ? SEEDS.slice(0, 2) : SEEDS;
  const alone = await all(seeds, () => [], scope, 'alone');
  const beside = await all(seeds, () => [silent('tired'), silent('dead')], scope, 'beside two that answer nothing');
  return {
    figures: [
      {
        what: 'rented to handed over, median, beside two that answer nothing',
        value: median(beside.deliveries) / 1_000,
        unit: 's',
        against: { what: 'alone', value: median(alone.deliveries) / 1_000 },
        promise: { of: 'ratio', atMost: 1.25 },
      },
      {
        what: 'cancelled to reported gone, median, beside them',
        value: median(beside.removals) / 1_000,
        unit: 's',
        against: { what: 'alone', value: median(alone.removals) / 1_000 },
        promise: { of: 'ratio', atMost: 1.5 },
      },
    ],
    notes: [
      `targets: ten machines and one cancellation in each of ${seeds.length} worlds; each silent target has six contracts.`,
    ],
  };
}

async function all(seeds: readonly number[], beside: () => ReturnType<typeof silent>[], scope: Scope, what: string) {
  const deliveries: number[] = [];
  const removals: number[] = [];
  for (const seed of seeds) {
    scope.progress(`${what}, seed ${seed}`);
    const times = await timesOf(beside(), seed);
    deliveries.push(...times.deliveries);
    removals.push(times.removal);
  }
  return { deliveries, removals };
}
