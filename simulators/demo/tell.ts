import type { AgentEvent } from '../../src/telemetry/event-stream.ts';
import { FEW, type Say } from './options.ts';

/**
 * Shows the agent's events as they come: all of one contract, the results of a few, the milestones of many. Times are counted
 * from `zero`, the first rental.
 */
export function teller(say: Say, contracts: number, zero: () => number): (event: AgentEvent) => void {
  return ({ at, type, contract, text }) => {
    if (!isShown(type, contracts)) return;
    const since = `+${((at - zero()) / 1000).toFixed(3)} s`.padStart(11);
    // The id of a container, like that of a contract, is told by its beginning.
    const short = text.replaceAll(/\b([0-9a-f]{12})[0-9a-f]{52}\b/g, '$1');
    say(kindOf(type), `${since}  ${contract?.slice(0, 8)}  ${short}`);
  };
}

const MILESTONES: ReadonlySet<string> = new Set([
  'contract.done.create',
  'contract.done.deliver',
  'contract.done.terminate',
]);

function isShown(type: string, contracts: number): boolean {
  if (contracts === 1 || type.startsWith('contract.failed')) return true;
  return contracts <= FEW ? !type.startsWith('contract.intent') : MILESTONES.has(type);
}

function kindOf(type: string): 'line' | 'warn' | 'good' {
  if (type.startsWith('contract.failed')) return 'warn';
  return type === 'contract.done.deliver' || type === 'contract.done.terminate' ? 'good' : 'line';
}
