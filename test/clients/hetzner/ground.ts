import { type ExecFileException, execFile } from 'node:child_process';
import { expect } from 'vitest';
import { createHetznerCore, type HetznerCore } from '../../../simulators/hetzner/core.ts';
import { SIMULATOR_TOKEN } from '../../../simulators/hetzner/options.ts';
import { startHetzner } from '../../../simulators/hetzner/server.ts';
import { officialDocument, watchSpec } from '../../../simulators/hetzner/watch-spec.ts';
import { type MovableClock, shiftedClock } from '../../../simulators/platform/manual-clock.ts';
import { systemClock } from '../../../src/ports/clock.ts';
import { systemRandom } from '../../../src/ports/random.ts';
import { type Clients, clients } from './packages.ts';

export interface Finished {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Ground {
  readonly core: HetznerCore;
  /** Real time, and ahead of it by what it was advanced. */
  readonly clock: MovableClock;
  readonly clients: Clients;
  run(program: string, args: readonly string[], input?: string): Promise<Finished>;
  /** Ends everything, and expects that every answer was as the provider documents it. */
  close(): Promise<void>;
}

/** The simulator a thousand times as fast, and a way to run foreign programs against it. */
export async function ground(): Promise<Ground> {
  const installed = await clients();
  const clock = shiftedClock(systemClock);
  const core = createHetznerCore({ clock, random: systemRandom, options: { speed: 1_000 } });
  const document = officialDocument();
  const watch = document && watchSpec(core, document);
  const server = await startHetzner({ core });
  // The token is in the environment, where these programs look for it, and this one opens nothing.
  const env = {
    PATH: process.env.PATH,
    HOME: '/nonexistent',
    HCLOUD_ENDPOINT: server.endpoint,
    HCLOUD_TOKEN: SIMULATOR_TOKEN,
  };
  return {
    core,
    clock,
    clients: installed,
    run(program, args, input = '') {
      return new Promise((resolve, reject) => {
        const child = execFile(
          program,
          [...args],
          { env, timeout: 50_000 },
          (error: ExecFileException | null, stdout, stderr) => {
            const code = error === null ? 0 : error.code;
            if (typeof code === 'number') resolve({ code, stdout, stderr });
            else reject(new Error(`${program} did not end by itself`, { cause: error }));
          },
        );
        child.stdin?.end(input);
      });
    },
    async close() {
      await server.close();
      core.close();
      expect(watch?.answers ?? []).toEqual([]);
    },
  };
}
