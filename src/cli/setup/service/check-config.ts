import { builtinPlugins, plannedPlugins } from '../../../../provisioners/index.ts';
import { ConfigError, loadConfig } from '../../../config/index.ts';

/**
 * Throws ConfigError when the service would end with 78. Secrets are read as root reads them here; whether the service's user may
 * read its own files is for the service to say.
 */
export async function checkConfig(file: string, credentials: string, env: NodeJS.ProcessEnv): Promise<void> {
  try {
    loadConfig(file, {
      plugins: builtinPlugins,
      planned: plannedPlugins,
      env: { ...env, CREDENTIALS_DIRECTORY: credentials },
    });
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const problems = error.problems.filter(({ message }) => !OWNERSHIP.test(message));
    if (problems.length > 0) throw new ConfigError(problems);
  }
}

/** A file that belongs to the service's user is refused to root, and right for the service; a credential may be the operator's own. */
const OWNERSHIP = /^the file belongs to another user|^the file cannot be opened \(ENOENT\)/;
