import type { ContractId, OperationId } from '../ports/ids.ts';
import type { ContractEvent, ContractRecord, FailureKind, HistoryEntry, InstanceData } from './record.ts';
import { addressOf, isReserved } from './route.ts';
import type { Step } from './steps.ts';

/** The first entries tell how it began, the last how it stands; between them a long retry loop may be thinned out. */
const HISTORY_HEAD = 20;
const HISTORY_LENGTH = 120;

/**
 * Folds one event into a contract's record. Pure. Returns undefined when the event cannot belong to this record
 * (anything before `admitted`, a second `admitted` of an open contract), which means that the journal is damaged.
 */
export function apply(
  record: ContractRecord | undefined,
  contract: ContractId,
  event: ContractEvent,
  at: number,
): ContractRecord | undefined {
  if (event.type === 'admitted' || event.type === 'adopted') {
    if (record === undefined) return begun(contract, event, at, []);
    const { closedAt, history } = record;
    if (closedAt === undefined) return undefined;
    const next = begun(contract, event, at, history);
    return { ...next, earlierOperations: withEarlier(record), ...withFormer(record, closedAt, at) };
  }
  if (record === undefined) return undefined;
  const next = change(record, event, at);
  return { ...next, history: remember(record.history, { at, event: withoutSecret(event) }) };
}

function begun(
  contract: ContractId,
  event: Extract<ContractEvent, { type: 'admitted' | 'adopted' }>,
  at: number,
  earlier: readonly HistoryEntry[],
): ContractRecord {
  return event.type === 'admitted' ? admitted(contract, event, at, earlier) : adopted(contract, event, at, earlier);
}

function admitted(
  contract: ContractId,
  event: Extract<ContractEvent, { type: 'admitted' }>,
  at: number,
  earlier: readonly HistoryEntry[],
): ContractRecord {
  return {
    contract,
    target: event.target,
    operation: event.operation,
    order: event.order,
    admittedAt: at,
    deadlineAt: event.deadlineAt,
    ...(event.route === undefined ? {} : { route: event.route }),
    goal: 'deliver',
    goalSince: at,
    why: 'taken from the work list',
    claimed: false,
    announced: false,
    machine: 'none',
    handles: {},
    verified: false,
    maybeDelivered: false,
    delivered: false,
    failReported: false,
    terminateReported: false,
    tries: {},
    history: remember(earlier, { at, event: { ...event, order: { ...event.order, settings: {} } } }),
  };
}

function adopted(
  contract: ContractId,
  event: Extract<ContractEvent, { type: 'adopted' }>,
  at: number,
  earlier: readonly HistoryEntry[],
): ContractRecord {
  const { instance, type: _type, ...taken } = event;
  const { order } = event;
  return {
    ...admitted(contract, { ...taken, type: 'admitted', deadlineAt: at }, at, earlier),
    goal: 'keep',
    why: 'adopted by an operator',
    announced: true,
    machine: 'made',
    instance,
    verified: true,
    maybeDelivered: true,
    delivered: true,
    deliveredAt: at,
    history: remember(earlier, { at, event: { ...event, order: { ...order, settings: {} } } }),
  };
}

function change(
  record: ContractRecord,
  event: Exclude<ContractEvent, { type: 'admitted' | 'adopted' }>,
  at: number,
): ContractRecord {
  switch (event.type) {
    case 'intent':
      return {
        ...record,
        running: {
          step: event.step,
          attempt: event.attempt,
          at,
          before: { machine: record.machine, maybeDelivered: record.maybeDelivered },
        },
        ...(event.step === 'create' ? { machine: 'maybe' as const } : {}),
        ...(event.step === 'claim' ? { claimed: true } : {}),
        ...(event.step === 'deliver' ? { maybeDelivered: true } : {}),
        ...(event.step === 'open-route' ? { routeState: 'opening' as const } : {}),
        ...(event.step === 'close-route' ? { routeState: 'closing' as const } : {}),
        ...(event.step === 'publish-name' ? { dnsName: { ...record.dnsName, state: 'maybe' as const } } : {}),
      };
    case 'done':
      return succeeded(ended(record, event.step), event, at);
    case 'failed':
      return failed(
        ended(record, event.step),
        event,
        at,
        record.running?.step === event.step ? record.running.before : undefined,
      );
    case 'handle':
      return { ...record, handles: { ...record.handles, [event.key]: event.value } };
    case 'goal': {
      const { reason: _reason, publicReason: _publicReason, ...rest } = record;
      return {
        ...rest,
        goal: event.goal,
        goalSince: at,
        why: event.why,
        ...(event.reason === undefined ? {} : { reason: event.reason }),
        ...(event.publicReason === undefined ? {} : { publicReason: event.publicReason }),
      };
    }
    case 'unannounced':
      return { ...record, announced: false, maybeDelivered: record.delivered };
    case 'ends':
      return { ...record, endsAt: event.endsAt };
    case 'instance':
      return withInstance(record, event.instance);
    case 'unrouted':
      return without(without(record, 'route'), 'routeState');
    case 'reappeared':
      return reappeared(reopened(record, at), event.operation ?? record.operation);
    case 'password':
      return {
        ...without(record, 'nextSealFor'),
        nextPassword: event.sealedPassword,
        ...(event.sealFor === undefined ? {} : { nextSealFor: event.sealFor }),
      };
    case 'closed':
      return { ...withoutPasswords(without(record, 'running')), closedAt: at };
    default:
      return unknownEvent(record, event);
  }
}

const MOST_EARLIER = 16;

function withEarlier({ earlierOperations = [], operation }: ContractRecord): readonly OperationId[] {
  return [...earlierOperations.filter((one) => one !== operation), operation].slice(-MOST_EARLIER);
}

/** Its new ports and its new address may be others: those that it had go on resting. */
function withFormer(
  { formerRoutes = [], instance, route }: ContractRecord,
  closedAt: number,
  at: number,
): Pick<ContractRecord, 'formerRoutes'> {
  const latest = {
    ...(route === undefined ? {} : { route }),
    ...(instance?.ipv4 === undefined ? {} : { ipv4: instance.ipv4 }),
    closedAt,
  };
  const resting = [...formerRoutes, latest].filter(
    (one) => isReserved(one, at) && (one.route !== undefined || one.ipv4 !== undefined),
  );
  return resting.length === 0 ? {} : { formerRoutes: resting };
}

/** Ports that have rested may be somebody else's by now; those that still rest go on doing so. */
function reopened(record: ContractRecord, at: number): ContractRecord {
  const open = without(record, 'closedAt');
  return isReserved(record, at) ? open : without(open, 'route');
}

/** Of another operation only the stamp is known: what the record says of a machine is about the latest one. */
function reappeared(record: ContractRecord, operation: OperationId): ContractRecord {
  if (operation === record.operation) return { ...record, machine: 'made' };
  return {
    ...without(record, 'instance'),
    machine: 'made',
    operation,
    handles: {},
    earlierOperations: withEarlier(record),
  };
}

function succeeded(
  record: ContractRecord,
  event: Extract<ContractEvent, { type: 'done' }>,
  at: number,
): ContractRecord {
  const base = { ...record, tries: clearTries(record, event.step) };
  switch (event.step) {
    case 'claim':
    case 'verify':
      return event.step === 'claim'
        ? { ...base, claimed: true }
        : {
            ...base,
            verified: true,
            ...(event.hostKey === undefined ? {} : { hostKey: event.hostKey }),
            ...(event.hostKeyTrust === undefined ? {} : { hostKeyTrust: event.hostKeyTrust }),
            ...(event.cloudInit === undefined ? {} : { cloudInit: event.cloudInit }),
          };
    case 'announce':
      return { ...base, announced: true };
    case 'create':
      return {
        // It may be another machine than the one that was looked at before.
        ...withInstance(
          without(
            without(without(without(without(base, 'hostKey'), 'hostKeyTrust'), 'cloudInit'), 'recipe'),
            'withdrawn',
          ),
          event.instance,
        ),
        verified: false,
        machine: 'made',
        power: 'running',
        ...(event.sealedPassword === undefined ? {} : { sealedPassword: event.sealedPassword }),
        ...(event.credential === undefined ? {} : { credential: event.credential }),
      };
    case 'open-route':
      return { ...base, routeState: 'open' };
    case 'close-route':
      return without(base, 'routeState');
    case 'publish-name':
      return {
        ...base,
        dnsName: { state: 'there', ...(event.publicIp === undefined ? {} : { publicIp: event.publicIp }) },
      };
    case 'withdraw-name':
      return without(base, 'dnsName');
    case 'recipe':
      // What it did may have shut the door, so a login is looked at once more.
      return {
        ...base,
        verified: false,
        ...(event.recipe === undefined ? {} : { recipe: event.recipe }),
        ...(event.cloudInit === undefined ? {} : { cloudInit: event.cloudInit }),
      };
    case 'withdraw':
      return { ...base, withdrawn: true };
    case 'credential':
      return without(base, 'sealedPassword');
    case 'deliver':
      return {
        ...base,
        maybeDelivered: true,
        delivered: true,
        deliveredAt: at,
        ...(record.goal === 'deliver' ? { goal: 'keep' as const, goalSince: at, why: 'handed over' } : {}),
      };
    case 'rekey':
      return event.sshKey === undefined ? base : { ...base, order: { ...base.order, sshKey: event.sshKey } };
    case 'reset':
      return event.sealedPassword === undefined
        ? base
        : {
            // One that was sealed before is of an older password.
            ...without(without(without(base, 'nextPassword'), 'nextSealFor'), 'credential'),
            sealedPassword: event.sealedPassword,
            ...(event.credential === undefined ? {} : { credential: event.credential }),
          };
    case 'release':
      return { ...base, claimed: false };
    case 'fail':
      return { ...base, failReported: true };
    case 'destroy':
      return { ...base, machine: 'gone' };
    case 'terminate':
      return { ...base, terminateReported: true };
    case 'stop':
      return { ...base, power: 'stopped' };
    case 'start':
      return {
        ...withInstance(record.goal === 'deliver' ? unseen(base) : base, event.instance),
        power: 'running',
        starts: { count: countStarts(record, at), lastAt: at },
      };
    default:
      return base;
  }
}

/** What is to be handed over must be seen to let a login in after its last start, and cloud-init works at every start. */
function unseen(record: ContractRecord): ContractRecord {
  return { ...without(record, 'cloudInit'), verified: false };
}

const CRASH_LOOP_WINDOW_MS = 3_600_000;

function countStarts(record: ContractRecord, at: number): number {
  const { starts } = record;
  return starts === undefined || at - starts.lastAt > CRASH_LOOP_WINDOW_MS ? 1 : starts.count + 1;
}

/** Kinds that say nothing about this order, so they do not make the next wait longer. */
const NOT_COUNTED: ReadonlySet<FailureKind> = new Set<FailureKind>(['parked']);

function failed(
  record: ContractRecord,
  event: Extract<ContractEvent, { type: 'failed' }>,
  at: number,
  before: NonNullable<ContractRecord['running']>['before'] | undefined,
): ContractRecord {
  const earlier = record.tries[event.step]?.count ?? 0;
  const count = NOT_COUNTED.has(event.kind) ? earlier : earlier + 1;
  return {
    ...record,
    ...(event.nothingHappened === true && before !== undefined ? before : {}),
    tries: {
      ...record.tries,
      [event.step]: {
        count,
        lastAt: at,
        kind: event.kind,
        text: event.text,
        ...(event.publicText === undefined ? {} : { publicText: event.publicText }),
        ...(event.retryAfterMs === undefined ? {} : { retryAfterMs: event.retryAfterMs }),
      },
    },
  };
}

function clearTries(record: ContractRecord, step: Step): ContractRecord['tries'] {
  const { [step]: _cleared, ...rest } = record.tries;
  return rest;
}

/** The lock is renewed while another step runs: only the running step's own outcome ends it. */
function ended(record: ContractRecord, step: Step): ContractRecord {
  return record.running?.step === step ? without(record, 'running') : record;
}

/** A route leads to an address: one that changed has to be opened, and proved, again. */
function withInstance(record: ContractRecord, instance: InstanceData | undefined): ContractRecord {
  if (instance === undefined) return record;
  const moved = record.routeState === 'open' && addressOf(record.instance) !== addressOf(instance);
  // Only a create learns the host key; a start of the same machine leaves it as it is.
  const known = record.instance?.externalId === instance.externalId ? record.instance.hostKey : undefined;
  const kept = known === undefined ? instance : { hostKey: known, ...instance };
  return { ...record, instance: kept, ...(moved ? { routeState: 'opening' as const } : {}) };
}

type Optional =
  | ('running' | 'closedAt' | 'hostKey' | 'hostKeyTrust' | 'cloudInit' | 'recipe' | 'withdrawn')
  | ('sealedPassword' | 'nextPassword' | 'nextSealFor' | 'credential' | 'instance')
  | ('route' | 'routeState' | 'dnsName');

function without(record: ContractRecord, key: Optional): ContractRecord {
  const { [key]: _dropped, ...rest } = record;
  return rest as ContractRecord;
}

function withoutPasswords(record: ContractRecord): ContractRecord {
  return without(without(without(without(record, 'sealedPassword'), 'nextPassword'), 'nextSealFor'), 'credential');
}

/** A journal of a newer version may hold events that we do not know; the ledger refuses such a journal before it gets here. */
function unknownEvent(record: ContractRecord, event: never): ContractRecord {
  void event;
  return record;
}

/** The time line outlives the password by a month. */
function withoutSecret(event: ContractEvent): ContractEvent {
  if (event.type === 'password') return { ...event, sealedPassword: '' };
  if (event.type === 'done' && event.recipe !== undefined) return { ...event, recipe: { ...event.recipe, output: '' } };
  if (event.type !== 'done' || event.sealedPassword === undefined) return event;
  const { sealedPassword: _dropped, credential: _sealed, ...rest } = event;
  return rest;
}

function remember(history: readonly HistoryEntry[], entry: HistoryEntry): readonly HistoryEntry[] {
  const grown = [...history, entry];
  if (grown.length <= HISTORY_LENGTH) return grown;
  return [...grown.slice(0, HISTORY_HEAD), ...grown.slice(HISTORY_HEAD + 1)];
}
