import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: [
      'src/**/*.test.ts',
      'provisioners/**/*.test.ts',
      'simulators/**/*.test.ts',
      'scripts/**/*.test.ts',
      'tools/**/*.test.ts',
      'test/**/*.test.ts',
    ],
    // Forks, because tests open sockets, take file locks and kill processes; three, because CI has two processors and whoever tests
    // whole processes mostly waits for them.
    pool: 'forks',
    maxWorkers: 3,
    testTimeout: 60_000,
    hookTimeout: 120_000,
  },
});
