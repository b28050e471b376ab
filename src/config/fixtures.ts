import { z } from 'zod';
import { builtinPlugins, plannedPlugins } from '../../provisioners/index.ts';
import { type LoadOptions, parseConfig } from './load.ts';
import { ConfigError, type ConfigProblem } from './types.ts';

/** As the command line reads a file, without the environment of whoever runs the tests. */
export const options: LoadOptions = { plugins: builtinPlugins, planned: plannedPlugins, env: {} };

/** A provisioner of which only the settings are known. */
export const PLANNED_PLUGINS: NonNullable<LoadOptions['planned']> = new Map([
  ['nimbus', { settings: z.strictObject({ api_token: z.string().describe('A token.') }) }],
]);

export const PUBKEY = 'ab'.repeat(32);
export const KEY = 'cd'.repeat(32);

export const API = `[api]
endpoint = "https://api.decent-cloud.org"
provider_pubkey = "${PUBKEY}"
agent_secret_key = "/root/.dc-agent/agent.key"
`;

/** The least that a file must hold: 8 lines, the target in 6 to 8. */
export const MINIMAL = `${API}
[[targets]]
name = "local"
type = "docker"
`;

/** What is wrong with a text; fails when nothing is. */
export function problemsOf(text: string, more: Partial<LoadOptions> = {}): readonly ConfigProblem[] {
  return refusal(() => parseConfig(text, 'a.toml', { ...options, ...more })).problems;
}

/** The same as the operator reads it. */
export function complaints(text: string, more: Partial<LoadOptions> = {}): string[] {
  return refusal(() => parseConfig(text, 'a.toml', { ...options, ...more })).message.split('\n');
}

export function refusal(read: () => unknown): ConfigError {
  try {
    read();
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
  throw new Error('the configuration was accepted');
}
