import { openSetup, type SetupProject } from '../../../../provisioners/hetzner/setup/index.ts';
import { systemClock } from '../../../ports/clock.ts';
import { silentLog } from '../../../ports/log.ts';
import { systemRandom } from '../../../ports/random.ts';
import type { Secret } from '../../../ports/secret.ts';

/** The project of a token, by the real network and in real time. */
export function openProject(endpoint: string, token: Secret, signal: AbortSignal): Promise<SetupProject> {
  const deps = { clock: systemClock, random: systemRandom, log: silentLog };
  return openSetup({ endpoint, token, deps, signal });
}
