import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { createVultrCore } from '../../../simulators/vultr/core.ts';
import { SIMULATOR_KEY } from '../../../simulators/vultr/options.ts';
import { startVultr } from '../../../simulators/vultr/server.ts';
import { systemClock } from '../../../src/ports/clock.ts';
import { systemRandom } from '../../../src/ports/random.ts';
import { client, mayHaveClient, WHY_NO_CLIENT } from './packages.ts';

const able = mayHaveClient();
const run = promisify(execFile);

describe.skipIf(!able)(`Apache Libcloud${able ? '' : ` (${WHY_NO_CLIENT})`}`, () => {
  test('takes an instance through its whole life', { timeout: 600_000 }, async () => {
    const python = await client();
    const core = createVultrCore({
      clock: systemClock,
      random: systemRandom,
      options: { speed: 100, requestsPerSecond: 10_000 },
    });
    const server = await startVultr({ core });
    const { port } = new URL(server.endpoint);
    try {
      // The key is in the environment, where no list of processes shows it, and this one opens nothing.
      const env = { PATH: process.env.PATH, HOME: '/nonexistent', VULTR_API_KEY: SIMULATOR_KEY };
      const life = join(import.meta.dirname, 'life.py');
      const { stdout } = await run(python, [life, '127.0.0.1', port], { env, timeout: 50_000 });
      expect(JSON.parse(stdout)).toEqual({
        'wrong key': [401, 'Invalid API token.'],
        size: [1_024, 25, 5, true],
        new: ['pending', ['0.0.0.0'], 'none'],
        'too early': [500, expect.stringContaining('not currently active')],
        running: ['running', 2, true],
        'same name again': 2,
        'stopped and started': true,
        gone: [404, 'Invalid instance.'],
      });
    } finally {
      await server.close();
      core.close();
    }
  });
});
