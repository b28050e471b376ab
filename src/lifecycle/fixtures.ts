import type { ContractId, ExternalId, OperationId, TargetName } from '../ports/ids.ts';
import { apply } from './apply.ts';
import type { World } from './decide.ts';
import { defaultPolicy } from './policy.ts';
import type {
  ContractEvent,
  ContractRecord,
  FailureKind,
  Goal,
  InstanceData,
  OrderData,
  RemoveReason,
} from './record.ts';
import type { Step } from './steps.ts';

/** When everything in a told record happened, unless a test says otherwise. */
export const NOW = 1_800_000_000_000;
export const DEADLINE = NOW + defaultPolicy.deliverWithinMs;
export const CONTRACT = 'ab12'.repeat(16) as ContractId;
export const OPERATION = '0f'.repeat(16) as OperationId;
export const HOUR = 3_600_000;

export const ORDER: OrderData = { offering: 'small', sshKey: 'ssh-ed25519 AAAA tenant', settings: { image: 'debian' } };

export const MACHINE: InstanceData = {
  externalId: 'machine-1' as ExternalId,
  ssh: { host: '192.0.2.7', port: 22, user: 'root' },
};

export function admission(
  order: OrderData = ORDER,
  operation: OperationId = OPERATION,
): Extract<ContractEvent, { type: 'admitted' }> {
  return { type: 'admitted', target: 'local' as TargetName, operation, order, deadlineAt: DEADLINE };
}

export function intent(step: Step, attempt = 1): ContractEvent {
  return { type: 'intent', step, attempt };
}

type Done = Extract<ContractEvent, { type: 'done' }>;
export function done(step: Step, more: Partial<Done> = {}): ContractEvent {
  return { type: 'done', step, ...more };
}

type Failed = Extract<ContractEvent, { type: 'failed' }>;
export function failed(step: Step, kind: FailureKind = 'retry', more: Partial<Failed> = {}): Failed {
  return { type: 'failed', step, kind, text: `${step} went wrong`, ...more };
}

export function goal(to: Goal, reason?: RemoveReason): ContractEvent {
  return { type: 'goal', goal: to, why: `told to ${to}`, ...(reason === undefined ? {} : { reason }) };
}

/** A step with its intent and its success. */
export function did(step: Step, more: Partial<Done> = {}): ContractEvent[] {
  return [intent(step), done(step, more)];
}

/** The usual way to a machine, up to and with a step. */
const WAY: readonly Step[] = ['claim', 'announce', 'create', 'verify', 'deliver', 'release'];
export function upTo(last: Step): ContractEvent[] {
  return WAY.slice(0, WAY.indexOf(last) + 1).flatMap((step) =>
    did(step, step === 'create' ? { instance: MACHINE } : {}),
  );
}

/** The record after these events, all at `NOW`. Throws when one cannot follow. */
export function told(...events: readonly ContractEvent[]): ContractRecord {
  return toldAt(NOW, admission(), ...events);
}

export function toldAt(at: number, ...events: readonly ContractEvent[]): ContractRecord {
  return (
    events.reduce<ContractRecord | undefined>(
      (record, event) => must(apply(record, CONTRACT, event, at), event),
      undefined,
    ) ?? fail('no events')
  );
}

/** One more event. */
export function andThen(record: ContractRecord, event: ContractEvent, at = NOW): ContractRecord {
  return must(apply(record, CONTRACT, event, at), event);
}

function must(record: ContractRecord | undefined, event: ContractEvent): ContractRecord {
  return record ?? fail(`${event.type} cannot follow`);
}

function fail(text: string): never {
  throw new Error(text);
}

/** The lock is held, the backend can do everything, nobody has looked at the machine. */
export const CALM: World = { lockLeftMs: 300_000, can: { stop: true, start: true, needsLogin: true } };
