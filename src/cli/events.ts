import type { ContractEvent } from '../lifecycle/index.ts';
import type { ContractId } from '../ports/ids.ts';
import type { AgentEvent } from '../telemetry/event-stream.ts';
import { tell } from './explain/timeline.ts';

/** A ledger entry as it goes out on the event stream. */
export function eventOf(contract: ContractId, event: ContractEvent, at: number): AgentEvent {
  const { text, detail } = tell(event);
  const step = 'step' in event ? `.${event.step}` : '';
  return {
    at,
    contract,
    type: `contract.${event.type}${step}`,
    text: detail === undefined ? text : `${text} (${detail})`,
  };
}
