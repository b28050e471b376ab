import type { Config } from '../config/types.ts';
import { Secret } from '../ports/secret.ts';
import { registerSecret } from '../telemetry/secrets.ts';
import type { Args } from './command.ts';
import type { Io } from './io.ts';
import { servicePlaces } from './setup/service/host.ts';

/**
 * Reads the configuration that the command line names; throws ConfigError, which ends a command with 78.
 * Its secrets are known to the redaction from here on, whichever backend's they are.
 */
export async function readConfig(args: Args, io: Io): Promise<Config> {
  const [{ loadConfig }, { builtinPlugins, plannedPlugins }] = await Promise.all([
    import('../config/index.ts'),
    import('../../provisioners/index.ts'),
  ]);
  const env = serviceEnv(io.env);
  const config = loadConfig(args.config, { plugins: builtinPlugins, planned: plannedPlugins, env });
  registerAll(config);
  return config;
}

/** A person's shell has no credentials of the service; whoever may read the directory they come from reads them there. */
export function serviceEnv(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return { CREDENTIALS_DIRECTORY: servicePlaces('/').credentials, ...env };
}

/** Every Secret in a tree of plain values. */
function registerAll(value: unknown): void {
  if (value instanceof Secret) registerSecret(value.reveal());
  else if (typeof value === 'object' && value !== null) Object.values(value).forEach(registerAll);
}
