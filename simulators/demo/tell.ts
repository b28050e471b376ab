import type { AgentEvent } from '../../src/telemetry/event-stream.ts';
import { FEW, type Say } from './options.ts';

/** Shows the agent's events as they come: all of one contract, the results of a few, the milestones of many. */
export function teller(say: Say, contracts: number): (event: AgentEvent) => void {
  let zero: number | undefined;
  return (event) => {
    zero ??= event.at;
    if (!isShown(event.type, contracts)) return;
    const since = `+${((event.at - zero) / 1000).toFixed(3)} s`.padStart(11);
    say(kindOf(event.type), `${since}  ${event.contract?.slice(0, 8)}  ${event.text}`);
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
