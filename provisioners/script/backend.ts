import type { AgentId, Clock } from '../../src/provisioner/index.ts';
import type { ScriptClient } from './client.ts';
import type { ScriptSettings } from './schema.ts';

/** What every verb of the plugin works with. */
export interface Backend {
  readonly client: ScriptClient;
  readonly settings: ScriptSettings;
  readonly agent: AgentId;
  readonly target: string;
  readonly clock: Clock;
}
