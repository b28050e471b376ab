import { describe, expect, it } from 'vitest';
import { compare } from './test/compare.ts';
import { recordings, WHY_SKIPPED } from './test/recordings.ts';
import { replay } from './test/replayer.ts';

const found = recordings();

describe.skipIf(found.length === 0)('what real hosts answered', () => {
  for (const recording of found) {
    it(`is what the simulator answers: ${recording.file}`, async () => {
      const replayed = await replay(recording);
      const { compared, excused, differences, unserved } = compare(recording, replayed);
      process.stdout.write(
        `${recording.file}: ${compared} of ${replayed.length} compared, ${excused} excused, ${unserved.length} not served\n`,
      );
      expect(differences.map(({ text }) => text)).toEqual([]);
      expect(compared).toBeGreaterThan(replayed.length * 0.85);
    });
  }
});

it.skipIf(found.length > 0)(WHY_SKIPPED, () => {
  expect(found).toEqual([]);
});
