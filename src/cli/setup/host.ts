import { hostname } from 'node:os';
import { type Ended, thisHost } from './service/host.ts';

/** The host that the setup runs on. Handed in, so that tests have one of their own. */
export interface SetupHost {
  /** `/`, or a folder that stands for it. */
  readonly root: string;
  readonly user: number;
  readonly name: string;
  run(argv: readonly string[]): Promise<Ended>;
}

export function thisSetupHost(env: NodeJS.ProcessEnv): SetupHost {
  const { root, user, run } = thisHost(env);
  return { root, user, run, name: hostname().split('.')[0] ?? 'host' };
}
