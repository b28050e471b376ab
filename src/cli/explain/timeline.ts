import type { ContractEvent, ContractRecord, Step } from '../../lifecycle/index.ts';

/** One line of a contract's story. */
export interface TimelineEntry {
  /** ms since the epoch */
  readonly at: number;
  /** What the ledger calls it; `step` where it is about one. */
  readonly type: ContractEvent['type'];
  readonly step?: Step;
  readonly text: string;
  readonly detail?: string;
  readonly level?: 'bad';
}

/** A contract's story in words, oldest first. */
export function timelineOf(record: ContractRecord): TimelineEntry[] {
  return record.history.map(({ at, event }) => ({
    at,
    type: event.type,
    ...('step' in event ? { step: event.step } : {}),
    ...tell(event),
  }));
}

export type Words = Pick<TimelineEntry, 'text' | 'detail' | 'level'>;

export function tell(event: ContractEvent): Words {
  switch (event.type) {
    case 'admitted':
      return { text: `taken for target ${event.target}`, detail: orderLine(event) };
    case 'adopted':
      return { text: `adopted for target ${event.target}`, ...placeDetail(event.instance) };
    case 'intent':
      return { text: `${event.step} begun`, detail: intentDetail(event) };
    case 'done':
      return { text: `${event.step} done`, ...doneDetail(event) };
    case 'failed':
      return { text: `${event.step} failed: ${event.text}`, detail: failedDetail(event), level: 'bad' };
    case 'handle':
      return { text: `noted ${event.key}`, detail: event.value };
    case 'goal':
      return { text: `goal: ${event.goal}`, detail: [event.reason, event.why].filter(Boolean).join(': ') };
    case 'unannounced':
      return { text: 'to be announced again', detail: event.why };
    case 'ends':
      return { text: `paid until ${new Date(event.endsAt).toISOString()}` };
    case 'instance':
      return { text: 'machine seen with new details', ...placeDetail(event.instance) };
    case 'unrouted':
      return { text: 'needs no route', detail: event.why };
    case 'password':
      return { text: 'a new password was made' };
    case 'reappeared':
      return { text: 'the machine turned up again', level: 'bad' };
    case 'closed':
      return { text: 'closed', detail: event.why };
    default:
      // Written by a newer version: better a bare word than a story with a hole.
      return { text: String((event as { type: unknown }).type) };
  }
}

/** What each step is for, in the operator's words. */
const PURPOSE: Readonly<Record<Step, string>> = {
  claim: 'takes the platform’s lock, so that no other agent works on it',
  announce: 'tells the platform that work has begun',
  create: 'makes the machine',
  'open-route': 'opens its ports at this host’s address, and proves that they lead to it',
  verify: 'waits until the tenant’s key is accepted over SSH',
  recipe: 'runs what the offering deploys, and sees how it ends',
  withdraw: 'takes the agent’s own key out of the machine, and sees it refused',
  deliver: 'tells the platform where the machine is',
  credential: 'hands the root password to the platform, which encrypts it for the tenant',
  release: 'gives the lock back',
  fail: 'tells the platform why there will be no machine',
  'close-route': 'closes its ports, before its address can be somebody else’s',
  destroy: 'removes the machine',
  prune: 'removes a second machine that a late answer left',
  terminate: 'tells the platform that the machine is gone',
  rekey: 'replaces the tenant’s keys in the machine',
  reset: 'sets a new password in the machine',
  'publish-name': 'asks the platform for its DNS name',
  'withdraw-name': 'asks the platform to remove its DNS name',
  stop: 'turns the machine off',
  start: 'turns the machine on',
};

function intentDetail(event: Extract<ContractEvent, { type: 'intent' }>): string {
  // A newer version may know more steps.
  const purpose = PURPOSE[event.step] ?? '';
  return event.attempt > 1 ? `attempt ${event.attempt}: ${purpose}` : purpose;
}

function orderLine(event: Extract<ContractEvent, { type: 'admitted' }>): string {
  const { offering, cpuCores, memoryMb, storageGb } = event.order;
  const sizes = [
    cpuCores === undefined ? undefined : `${cpuCores} cores`,
    memoryMb === undefined ? undefined : `${memoryMb} MiB`,
    storageGb === undefined ? undefined : `${storageGb} GiB`,
  ];
  return [offering, ...sizes].filter((part) => part !== undefined).join(', ');
}

function doneDetail(event: Extract<ContractEvent, { type: 'done' }>): { detail?: string } {
  const place = event.instance === undefined ? undefined : placeDetail(event.instance).detail;
  const parts = [event.note, place, event.hostKey, event.recipe?.summary].filter((part) => part !== undefined);
  return parts.length === 0 ? {} : { detail: parts.join(', ') };
}

function placeDetail(instance: { externalId: string; ssh?: { host: string; port: number; user: string } }): {
  detail: string;
} {
  const { ssh } = instance;
  return { detail: `${instance.externalId}${ssh ? `, ssh ${ssh.user}@${ssh.host}:${ssh.port}` : ''}` };
}

function failedDetail(event: Extract<ContractEvent, { type: 'failed' }>): string {
  const outcome = event.nothingHappened ? 'nothing was changed' : undefined;
  const wait =
    event.retryAfterMs === undefined ? undefined : `asked to wait ${Math.round(event.retryAfterMs / 1000)} s`;
  return [event.kind, outcome, wait].filter((part) => part !== undefined).join(', ');
}
