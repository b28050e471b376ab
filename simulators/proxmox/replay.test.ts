import { describe, expect, it } from 'vitest';
import { compare } from './test/compare.ts';
import { isThere, RECORDINGS, recording, WHY_SKIPPED } from './test/recordings.ts';
import { replay } from './test/replayer.ts';

const there = isThere(RECORDINGS[0].file);

describe.skipIf(!there)(`what a real host answered${there ? '' : ` (${WHY_SKIPPED})`}`, () => {
  it.each(RECORDINGS)('is what the simulator answers: $file', async (name) => {
    const recorded = recording(name);
    const replayed = await replay(recorded);
    const { compared, excused, differences, unserved } = compare(recorded, replayed);
    process.stdout.write(
      `${name.file}: ${compared} of ${replayed.length} compared, ${excused} excused, ${unserved.length} not served\n`,
    );
    expect(differences).toEqual([]);
    expect(compared).toBeGreaterThan(replayed.length * 0.9);
  });
});
