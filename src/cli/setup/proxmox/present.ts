import { readFile } from 'node:fs/promises';
import { type ProxmoxSettings, proxmoxSettings } from '../../../../provisioners/proxmox/setup/index.ts';
import { readConfigFile } from '../../../config/document.ts';
import type { Config } from '../../../config/types.ts';
import { readConfig } from '../../configuration.ts';
import type { Io } from '../../io.ts';

/** The configuration that is there already, and its target that is to be set up. */
export interface Present {
  readonly config: Config;
  readonly text: string;
  readonly target?: ProxmoxSettings;
}

/** Undefined when there is no file. Throws ConfigError when there is one that is not valid: it is not replaced unread. */
export async function readPresent(file: string, target: string, io: Io): Promise<Present | undefined> {
  if (!(await exists(file))) return undefined;
  const config = await readConfig({ config: file, operands: [], options: {} }, io);
  const { text } = readConfigFile(file);
  const found = config.targets.find(({ name, type }) => name === target && type === 'proxmox');
  return { config, text, ...(found === undefined ? {} : { target: found.settings as ProxmoxSettings }) };
}

/** Settings that the plan is made with, before the token and the templates are known. */
export function draftSettings(known: Readonly<Record<string, unknown>>): ProxmoxSettings {
  return proxmoxSettings.parse({ api_token_secret: 'not known yet', template_vmid: 100, ...known });
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
