import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type AgentKey, createAgentKey, loadAgentKey } from '../../identity/keys.ts';
import { registerSecret } from '../../telemetry/secrets.ts';
import { Failure } from '../failure.ts';

export interface SetupKey {
  readonly key: AgentKey;
  readonly file: string;
  readonly made: 'now' | 'before';
  readonly warnings: readonly string[];
}

/** The key in `directory`, made when there is none. On disk and synced before it is registered anywhere. */
export async function ensureKey(directory: string): Promise<SetupKey> {
  const file = join(directory, 'agent.key');
  try {
    const present = await isPresent(file);
    if (!present) await createAgentKey(directory);
    // Read back in both cases: what is registered is what the agent will read.
    const { warnings, ...key } = await loadAgentKey(file);
    registerSecret(key.secret.reveal());
    return { key, file, made: present ? 'before' : 'now', warnings };
  } catch (cause) {
    throw new Failure({
      what: `there is no usable agent key in ${directory}`,
      next: 'Put it right, or choose another place with --key-dir. The token is not spent.',
      cause,
    });
  }
}

/** The key in `directory`; undefined when there is none. Makes nothing. */
export async function findKey(directory: string): Promise<AgentKey | undefined> {
  const file = join(directory, 'agent.key');
  if (!(await isPresent(file))) return undefined;
  const key = await loadAgentKey(file);
  registerSecret(key.secret.reveal());
  return key;
}

async function isPresent(file: string): Promise<boolean> {
  try {
    await stat(file);
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return false;
    throw error;
  }
}
