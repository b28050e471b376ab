import type { Clock } from '../../src/ports/clock.ts';
import { inProcess } from '../cloud/in-process.ts';
import type { HetznerCore } from './core.ts';

/** Calls the core without sockets, under its own clock; see `simulators/cloud/in-process.ts`. `latencyMs` is spent each way. */
export function inProcessHetzner(
  core: HetznerCore,
  options: { clock: Clock; latencyMs?: number },
): ReturnType<typeof inProcess> {
  return inProcess(core, { ...options, prefix: '/v1' });
}
