import { createHash, randomBytes } from 'node:crypto';
import type { AgentId, ContractId, OperationId } from '../../ports/ids.ts';
import { machineName } from '../../ports/ids.ts';
import { silentLog } from '../../ports/log.ts';
import type { CallContext, Instance, MachineOrder, Operation, OwnedRef, OwnerStamp } from '../contract.ts';

export interface OperationOptions {
  readonly attempt?: number;
  readonly outcomeUnknown?: boolean;
  readonly handles?: Record<string, string>;
  readonly signal?: AbortSignal;
  readonly onRemember?: (key: string, value: string) => void;
}

/** An operation as the agent would hand it in; what is remembered shows in `handles` at once. */
export function operation(stamp: Pick<OwnerStamp, 'operation'>, options: OperationOptions = {}): Operation {
  const handles = { ...options.handles };
  return {
    id: stamp.operation,
    attempt: options.attempt ?? 1,
    outcomeUnknown: options.outcomeUnknown ?? false,
    handles,
    signal: options.signal ?? new AbortController().signal,
    log: silentLog,
    async remember(key, value) {
      handles[key] = value;
      options.onRemember?.(key, value);
    },
  };
}

/** The next attempt of the same operation, with what was remembered and without knowing how the last one ended. */
export function again(op: Operation, options: OperationOptions = {}): Operation {
  const { id, attempt, handles } = op;
  return operation(
    { operation: id },
    { attempt: attempt + 1, outcomeUnknown: true, handles: { ...handles }, ...options },
  );
}

/** An order with a fresh contract and operation for `agent`: what most benches need. */
export function sampleOrder(agent: AgentId, overrides: Partial<MachineOrder> = {}): MachineOrder {
  const contract = createHash('sha256').update(randomBytes(16)).digest('hex') as ContractId;
  return {
    stamp: { agent, contract, operation: freshOperation() },
    name: machineName(contract),
    offering: '1',
    cpuCores: 1,
    memoryMb: 256,
    storageGb: 2,
    sshKey: SAMPLE_KEY,
    settings: {},
    ...overrides,
  };
}

/** Nobody's key: its private half was never kept. */
export const SAMPLE_KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f';

/** A second key of nobody's. */
export const OTHER_KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB8eHRwbGhkYFxYVFBMSERAPDg0MCwoJCAcGBQQDAgEA';

export function freshOperation(): OperationId {
  return randomBytes(16).toString('hex') as OperationId;
}

export function refOf(instance: Instance): OwnedRef {
  return { stamp: instance.stamp, externalId: instance.externalId, handles: {} };
}

/** All that is known of a machine whose create never answered. */
export function stampOnly({ stamp }: { readonly stamp: OwnerStamp }): OwnedRef {
  return { stamp, handles: {} };
}

export function context(signal: AbortSignal = new AbortController().signal): CallContext {
  return { signal, log: silentLog };
}

/** A signal that was aborted before the call begins. */
export function cancelled(): AbortSignal {
  return AbortSignal.abort(new Error('cancelled by the test'));
}
