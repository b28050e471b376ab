import { configDefaults, defineConfig } from 'vitest/config';

/** What starts processes, engines and kernels: a process for each file. */
const OWN = ['test/**/*.test.ts', 'provisioners/docker/**/*.test.ts', 'scripts/**/*.test.ts'];

export default defineConfig({
  test: {
    // Forks, because tests open sockets, take file locks and kill processes; three, because CI has two processors and whoever tests
    // whole processes mostly waits for them.
    pool: 'forks',
    maxWorkers: 3,
    testTimeout: 60_000,
    hookTimeout: 120_000,
    projects: [
      { extends: true, test: { name: 'whole', include: OWN } },
      {
        extends: true,
        test: {
          name: 'parts',
          include: ['{src,provisioners,simulators,tools}/**/*.test.ts'],
          exclude: [...configDefaults.exclude, ...OWN],
          // Files share the modules of their worker: loading them anew for each file took longer than most tests.
          isolate: false,
        },
      },
    ],
  },
});
