import type { ExternalId, OwnerStamp } from '../../src/provisioner/index.ts';
import type { Engine } from './engine.ts';
import { LABEL, readStamp } from './stamp.ts';

export interface MachineEvent {
  readonly externalId: ExternalId;
  readonly stamp: OwnerStamp;
  readonly change: 'started' | 'stopped' | 'paused' | 'unpaused' | 'removed' | 'out-of-memory';
}

const CHANGE: Readonly<Record<string, MachineEvent['change']>> = {
  start: 'started',
  die: 'stopped',
  pause: 'paused',
  unpause: 'unpaused',
  destroy: 'removed',
  oom: 'out-of-memory',
};

/**
 * What happens to this agent's machines, as the engine tells it. A hint to look sooner, never a fact to act on: events are lost
 * whenever the engine restarts. Ends when the engine ends the stream, throws ProvisionerError when it breaks or is cancelled.
 */
export async function* watchMachines(
  engine: Engine,
  agent: string,
  sinceMs: number,
  signal: AbortSignal,
): AsyncGenerator<MachineEvent, void, undefined> {
  const labels = { [LABEL.agent]: 'true', [LABEL.agentId]: agent };
  for await (const { Action, Actor } of engine.events(labels, sinceMs, signal)) {
    const change = CHANGE[Action];
    const stamp = readStamp(Actor.Attributes);
    if (change !== undefined && stamp !== undefined) yield { externalId: Actor.ID as ExternalId, stamp, change };
  }
}
