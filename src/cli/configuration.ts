import type { Config } from '../config/types.ts';
import type { Args } from './command.ts';
import type { Io } from './io.ts';

/** Reads the configuration that the command line names; throws ConfigError, which ends a command with 78. */
export async function readConfig(args: Args, io: Io): Promise<Config> {
  const [{ loadConfig }, { builtinPlugins }] = await Promise.all([
    import('../config/load.ts'),
    import('../../provisioners/index.ts'),
  ]);
  return loadConfig(args.config, { plugins: builtinPlugins, env: io.env });
}
