import type { LoadOptions } from '../config/index.ts';
import type { Config } from '../config/types.ts';
import { Secret } from '../ports/secret.ts';
import type { ProvisionerPlugin } from '../provisioner/plugin.ts';
import { registerSecret } from '../telemetry/secrets.ts';
import type { Args } from './command.ts';
import type { Io } from './io.ts';
import { servicePlaces } from './setup/service/host.ts';

/**
 * Reads the configuration that the command line names; throws ConfigError, which ends a command with 78.
 * Its secrets are known to the redaction from here on, whichever backend's they are.
 */
export async function readConfig(args: Args, io: Io): Promise<Config> {
  const [{ loadConfig }, { keepPlugins }, options] = await Promise.all([
    import('../config/index.ts'),
    import('./plugins/registry.ts'),
    loadOptions(args.config, io.env),
  ]);
  const config = loadConfig(args.config, options);
  keepPlugins(config, options.plugins);
  registerAll(config);
  return config;
}

export interface CliLoadOptions extends LoadOptions {
  readonly plugins: ReadonlyMap<string, ProvisionerPlugin>;
}

/** What this configuration is read with: the built-in plugins, and the third-party ones that its targets name, loaded. */
export async function loadOptions(file: string, env: NodeJS.ProcessEnv): Promise<CliLoadOptions> {
  const [{ namedPlugins }, { builtinPlugins, plannedPlugins }] = await Promise.all([
    import('../config/load.ts'),
    import('../../provisioners/index.ts'),
  ]);
  const options = { plugins: builtinPlugins, planned: plannedPlugins, env: serviceEnv(env) };
  const { types, directory } = namedPlugins(file);
  if (types.length === 0) return options;
  const { loadPlugins } = await import('./plugins/load.ts');
  const { plugins, refused } = await loadPlugins(types, directory);
  return { ...options, plugins: new Map([...builtinPlugins, ...plugins]), refused };
}

/** A person's shell has no credentials of the service; whoever may read the directory they come from reads them there. */
export function serviceEnv(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return { CREDENTIALS_DIRECTORY: servicePlaces('/').credentials, ...env };
}

/** Every Secret in a tree of plain values; a third-party plugin has a class of its own. */
function registerAll(value: unknown): void {
  if (isSecret(value)) registerSecret(value.reveal());
  else if (typeof value === 'object' && value !== null) Object.values(value).forEach(registerAll);
}

function isSecret(value: unknown): value is Pick<Secret, 'reveal'> {
  if (value instanceof Secret) return true;
  return typeof value === 'object' && value !== null && 'reveal' in value && typeof value.reveal === 'function';
}
