import { defineConfig } from 'vitest/config';

/** `npm run bench`: files that measure and print. One at a time, so that they do not measure each other. */
export default defineConfig({
  test: {
    include: ['test/bench/**/*.bench.ts'],
    pool: 'forks',
    maxWorkers: 1,
    fileParallelism: false,
    testTimeout: 600_000,
    passWithNoTests: true,
  },
});
