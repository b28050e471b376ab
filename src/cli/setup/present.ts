import { readFile } from 'node:fs/promises';
import { readConfigFile } from '../../config/document.ts';
import type { Config } from '../../config/types.ts';
import { readConfig } from '../configuration.ts';
import type { Io } from '../io.ts';
import type { TargetPlace } from './config-text.ts';

/** The configuration that is there already, and its target that is to be set up. */
export interface Present<S = unknown> {
  readonly config: Config;
  readonly text: string;
  readonly target?: S;
}

/**
 * Undefined when there is no file. Throws ConfigError when there is one that is not valid: it is not replaced unread. `S`: the settings
 * of this type's plugin.
 */
export async function readPresent<S>(
  file: string,
  place: Pick<TargetPlace, 'name' | 'type'>,
  io: Io,
): Promise<Present<S> | undefined> {
  if (!(await exists(file))) return undefined;
  const config = await readConfig({ config: file, operands: [], options: {} }, io);
  const { text } = readConfigFile(file);
  const found = config.targets.find(({ name, type }) => name === place.name && type === place.type);
  return { config, text, ...(found === undefined ? {} : { target: found.settings as S }) };
}

async function exists(file: string): Promise<boolean> {
  try {
    await readFile(file);
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR'))
      return false;
    throw error;
  }
}
