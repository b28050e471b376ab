import type { Operation } from '../provisioner/contract.ts';
import type { StepContext } from './steps.ts';

/** What a plugin gets of the step that it is called in. */
export function operation({ deps, record, attempt, outcomeUnknown, signal, log }: StepContext): Operation {
  let handles = record.handles;
  return {
    id: record.operation,
    attempt,
    outcomeUnknown,
    get handles() {
      return handles;
    },
    async remember(key, value) {
      handles = { ...handles, [key]: value };
      await deps.ledger.append(record.contract, { type: 'handle', key, value });
    },
    signal,
    log,
  };
}
