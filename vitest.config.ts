import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    // Forks, because tests open sockets, take file locks and kill processes; three, because CI has two processors and whoever tests
    // whole processes mostly waits for them.
    pool: 'forks',
    maxWorkers: 3,
    testTimeout: 60_000,
    hookTimeout: 120_000,
    projects: [
      {
        extends: true,
        test: {
          // What starts processes, engines and kernels: a process for each file.
          name: 'whole',
          include: ['test/**/*.test.ts', 'scripts/**/*.test.ts', 'provisioners/docker/**/*.test.ts'],
        },
      },
      {
        extends: true,
        test: {
          name: 'parts',
          include: [
            'src/**/*.test.ts',
            'simulators/**/*.test.ts',
            'tools/**/*.test.ts',
            'provisioners/!(docker)/**/*.test.ts',
            'provisioners/*.test.ts',
          ],
          // Files share the modules of their worker: loading them anew for each file took longer than most tests.
          isolate: false,
        },
      },
    ],
  },
});
