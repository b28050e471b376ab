import type { Policy } from './policy.ts';
import { failedRecipe, recipeStep } from './recipe.ts';
import type { ContractRecord, Goal, RemoveReason } from './record.ts';
import { dueAt, startDueAt } from './retry.ts';
import type { Step } from './steps.ts';

/** What is known of the world at this moment, beyond the record. */
export interface World {
  /** ms left of the platform's lock; undefined when we do not hold it as far as we know. */
  readonly lockLeftMs?: number;
  /** What the target can do. */
  readonly can: {
    readonly stop: boolean;
    readonly start: boolean;
    readonly needsLogin: boolean;
    readonly runScript?: boolean;
  };
  /** The machine's power as the target's latest list gave it; undefined when nobody looked since the last step. */
  readonly power?: 'running' | 'stopped' | 'transition' | 'unknown' | 'absent';
  /** A list showed another machine of this contract beside the one that was kept. */
  readonly surplus?: boolean;
  /** What the tenant asked for that this target can give, and does not have yet. */
  readonly asked?: { readonly sshKey?: string; readonly password?: true };
  /** How routes are made here; undefined where they are not. */
  readonly gateway?: {
    /** `required`: nothing is handed over before its route is proved. `best-effort`: one attempt is enough. */
    readonly policy: 'required' | 'best-effort';
    readonly publicIp: string;
    /** Each route gets a DNS name through the platform. */
    readonly publishes: boolean;
  };
  /** What the platform wants of a machine that was handed over, as it said lately; undefined when it was not asked lately. */
  readonly platformWants?: 'remove' | 'stop';
  /** Our clock is known to be wrong, so a deadline that seems to have passed proves nothing. */
  readonly clockSuspect?: boolean;
}

export type Decision =
  | { readonly kind: 'step'; readonly step: Step; readonly why: string }
  | {
      readonly kind: 'goal';
      readonly goal: Goal;
      readonly reason: RemoveReason;
      readonly why: string;
      readonly publicReason?: string;
    }
  /** Nothing to do before `until` (ms), or before something changes. */
  | { readonly kind: 'wait'; readonly until?: number; readonly why: string }
  | { readonly kind: 'close'; readonly why: string };

/**
 * What comes next for one contract: pure, no clock, no I/O, no randomness of its own.
 *
 * It is asked again after every change, so it never plans ahead: it names the first thing that is missing, or says what it waits for.
 */
export function decide(record: ContractRecord, world: World, policy: Policy, now: number): Decision {
  if (record.closedAt !== undefined) return { kind: 'wait', why: 'closed' };
  switch (record.goal) {
    case 'deliver':
      return deliver(record, world, policy, now);
    case 'keep':
      return keep(record, world, now);
    case 'stop':
      return stop(record, world, now);
    case 'remove':
      return remove(record, world, policy, now);
    default:
      return { kind: 'wait', why: `unknown goal ${String(record.goal)}` };
  }
}

function deliver(record: ContractRecord, world: World, policy: Policy, now: number): Decision {
  const refusal = givenUp(record, world, policy, now);
  if (refusal !== undefined) return refusal;
  const step = missing(record, world, policy);
  if (step === 'start') return startAgain(record, now);
  return attempt(record, step, now, WHY_DELIVER[step]);
}

const WHY_DELIVER: Record<DeliverStep, string> = {
  claim: 'the lock must be held while we work on it',
  announce: 'the platform is told that work has begun',
  create: 'the machine is to be made',
  start: 'it should run, and is off',
  'open-route': 'the machine is reached through ports of this host',
  verify: 'a login must be seen to work before anybody is told',
  recipe: 'what the offering deploys is to be deployed',
  withdraw: 'the way in that the deployment needed is closed before anybody is told',
  deliver: 'the machine is ready',
};
type DeliverStep =
  | ('claim' | 'announce' | 'create' | 'start' | 'open-route')
  | ('verify' | 'recipe' | 'withdraw' | 'deliver');

function missing(record: ContractRecord, world: World, policy: Policy): DeliverStep {
  if ((world.lockLeftMs ?? 0) <= policy.lockMarginMs) return 'claim';
  if (!record.announced) return 'announce';
  // Not there although it was made: the same operation finds it, or makes it again.
  if (record.machine !== 'made' || world.power === 'absent') return 'create';
  if (shouldStart(record, world)) return 'start';
  if (lacksRoute(record, world) && !mayDoWithout(record, world)) return 'open-route';
  if (needsLogin(record, world) && !record.verified) return 'verify';
  return recipeStep(record, world.can) ?? 'deliver';
}

/** We do not run anything by SSH in a machine of which we have not seen who it is. */
function needsLogin(record: ContractRecord, world: World): boolean {
  return world.can.needsLogin || record.order.recipe?.by === 'ssh';
}

function lacksRoute(record: ContractRecord, world: World): boolean {
  return world.gateway !== undefined && record.route !== undefined && record.routeState !== 'open';
}

function mayDoWithout(record: ContractRecord, world: World): boolean {
  const failure = record.tries['open-route'];
  return world.gateway?.policy === 'best-effort' && failure !== undefined && failure.kind !== 'parked';
}

const CANNOT = 'This machine cannot be made as ordered.';

/** Once a login was seen, only the platform's answer decides: the deadline no longer matters. */
function givenUp(record: ContractRecord, world: World, policy: Policy, now: number): Decision | undefined {
  // Handed over once already: somebody may use it, so no deadline and no failed login ends it.
  if (record.delivered) return undefined;
  if (record.order.problem !== undefined) {
    return {
      kind: 'goal',
      goal: 'remove',
      reason: 'failed',
      why: record.order.problem,
      publicReason: record.order.problem,
    };
  }
  const { create, verify, recipe, withdraw } = record.tries;
  const permanent = [create, verify, recipe, withdraw].find((tries) => tries?.kind === 'permanent');
  if (permanent !== undefined) {
    const { text, publicText } = permanent;
    return { kind: 'goal', goal: 'remove', reason: 'failed', why: text, publicReason: publicText ?? CANNOT };
  }
  const bad = failedRecipe(record, world.can);
  if (bad !== undefined)
    return { kind: 'goal', goal: 'remove', reason: 'failed', why: bad.summary, publicReason: bad.summary };
  if (record.tries.create?.kind === 'capacity') {
    return {
      kind: 'goal',
      goal: 'remove',
      reason: 'handed-back',
      why: 'the backend has no room; pool mates may take it',
    };
  }
  const seen = record.verified || !needsLogin(record, world);
  const reached = !lacksRoute(record, world) || mayDoWithout(record, world);
  const ready = record.machine === 'made' && seen && reached && recipeStep(record, world.can) === undefined;
  if (ready || world.clockSuspect === true || now < record.deadlineAt) return undefined;
  return {
    kind: 'goal',
    goal: 'remove',
    reason: 'failed',
    why: `not ready within ${Math.round(policy.deliverWithinMs / 60_000)} minutes`,
    publicReason: 'The machine could not be made in time.',
  };
}

function keep(record: ContractRecord, world: World, now: number): Decision {
  const next = owed(record, world, now);
  if (next !== undefined) return next;
  if (shouldStart(record, world)) return startAgain(record, now);
  if (lacksRoute(record, world) && record.machine === 'made' && world.power !== 'absent') {
    const open = attempt(record, 'open-route', now, WHY_DELIVER['open-route']);
    if (open.kind === 'step') return open;
  }
  const access = askedFor(record, world).map((step) => attempt(record, step, now, WHY_ACCESS[step]));
  const ready = access.find((decision) => decision.kind === 'step');
  if (ready !== undefined) return ready;
  return { kind: 'wait', ...nextTry(record, now), why: 'the contract runs' };
}

function askedFor(record: ContractRecord, { asked }: World): AccessStep[] {
  const steps: AccessStep[] = [];
  if (asked?.sshKey !== undefined) steps.push('rekey');
  // A password that the platform does not have yet comes first, or the tenant would be told one that is out of date.
  // One that was begun is ended, whoever still asks: the machine may have a password that nobody was told.
  const begun = record.nextPassword !== undefined;
  if ((asked?.password || begun) && record.sealedPassword === undefined) steps.push('reset');
  return steps;
}

type AccessStep = 'rekey' | 'reset';
const WHY_ACCESS: Record<AccessStep, string> = {
  rekey: 'the tenant has a new key',
  reset: 'the tenant asked for a new password',
};

/** What is left to do once a machine was handed over, whether it runs or is paused. */
function owed(record: ContractRecord, world: World, now: number): Decision | undefined {
  if (record.sealedPassword !== undefined) {
    const next = attempt(record, 'credential', now, 'the platform does not have the password yet');
    if (next.kind === 'step') return next;
  }
  if (record.claimed) {
    const next = attempt(record, 'release', now, 'delivered: the lock is of no more use');
    if (next.kind === 'step') return next;
  }
  const naming = nameStep(record, world);
  if (naming !== undefined) {
    const next = attempt(record, naming, now, WHY_NAME[naming]);
    if (next.kind === 'step') return next;
  }
  if (world.surplus === true) {
    const next = attempt(record, 'prune', now, 'a second machine turned up');
    if (next.kind === 'step') return next;
  }
  return undefined;
}

type NameStep = 'publish-name' | 'withdraw-name';
const WHY_NAME: Record<NameStep, string> = {
  'publish-name': 'the route has no DNS name yet',
  'withdraw-name': 'the DNS name is for an address that this host had before',
};

/** The platform adds a second address to a name that is there, so an old one has to go first. */
function nameStep({ route, dnsName }: ContractRecord, { gateway }: World): NameStep | undefined {
  if (gateway === undefined || route === undefined || !gateway.publishes) return undefined;
  if (dnsName?.publicIp !== undefined && dnsName.publicIp !== gateway.publicIp) return 'withdraw-name';
  return dnsName?.state === 'there' ? undefined : 'publish-name';
}

function startAgain(record: ContractRecord, now: number): Decision {
  const due = startDueAt(record, now);
  if (due > now) return { kind: 'wait', until: due, why: 'it keeps going off: it is started again later' };
  return { kind: 'step', step: 'start', why: WHY_DELIVER.start };
}

function shouldStart(record: ContractRecord, world: World): boolean {
  if (!world.can.start) return false;
  return world.power === 'stopped' || (world.power === undefined && record.power === 'stopped');
}

function stop(record: ContractRecord, world: World, now: number): Decision {
  const next = owed(record, world, now);
  if (next !== undefined) return next;
  const later = nextTry(record, now);
  if (!world.can.stop) {
    const why = 'paused by the platform, but this backend cannot stop a machine: it keeps running';
    return { kind: 'wait', ...later, why };
  }
  const off = world.power === 'stopped' || (world.power === undefined && record.power === 'stopped');
  if (off || world.power === 'absent') return { kind: 'wait', ...later, why: 'paused by the platform' };
  // It may have been resumed while we were away, or could not reach the backend.
  if (world.platformWants === undefined) return { kind: 'wait', why: ASK_AGAIN };
  return attempt(record, 'stop', now, 'paused by the platform');
}

function remove(record: ContractRecord, world: World, policy: Policy, now: number): Decision {
  const wanted = toRemove(record, world, policy);
  if (mayExist(record) && !isStillDoomed(record, world, now)) return { kind: 'wait', why: ASK_AGAIN };
  if (wanted.length === 0) return { kind: 'close', why: `removed: ${record.why}` };
  const possible = wanted.map((step) => attempt(record, step, now, WHY_REMOVE[step]));
  const ready = possible.find((decision) => decision.kind === 'step');
  if (ready !== undefined) return ready;
  const until = Math.min(
    ...possible.map((decision) => (decision.kind === 'wait' ? (decision.until ?? Infinity) : Infinity)),
  );
  return { kind: 'wait', until, why: `${wanted.join(', ')} will be tried again` };
}

const ASK_AGAIN = 'somebody uses the machine, so the platform is asked once more before it is touched';

/** What only the platform's word dooms must be doomed by a fresh one: while we were away it may have been taken back. */
function isStillDoomed(record: ContractRecord, world: World, now: number): boolean {
  const platformsWord = record.delivered && (record.reason === 'cancelled' || record.reason === 'expired');
  if (!platformsWord || world.platformWants === 'remove') return true;
  return record.endsAt !== undefined && record.endsAt <= now && world.clockSuspect !== true;
}

/**
 * Whether a step that is under way may go on. One that takes a machine from somebody can wait minutes for its backend, and goes on only
 * for as long as the platform still wants it, by a word that is fresh.
 */
export function mayGoOn(step: Step, record: ContractRecord, world: World, now: number): boolean {
  if (step === 'stop') return record.goal === 'stop' && world.platformWants !== undefined;
  if (step === 'destroy') return record.goal === 'remove' && isStillDoomed(record, world, now);
  return true;
}

function mayExist({ machine }: ContractRecord): boolean {
  return machine === 'made' || machine === 'maybe';
}

type RemoveStep = 'claim' | 'fail' | 'close-route' | 'destroy' | 'terminate' | 'release' | 'withdraw-name';
const WHY_REMOVE: Record<RemoveStep, string> = {
  claim: 'only the holder of the lock may report a failure',
  fail: 'the platform is told why there will be no machine',
  'close-route': 'its ports must lead nowhere before its address is free for others',
  destroy: 'nothing of it may stay',
  terminate: 'the platform is told that the machine is gone',
  release: 'the lock is of no more use',
  'withdraw-name': 'its DNS name leads nowhere',
};

function toRemove(record: ContractRecord, world: World, policy: Policy): RemoveStep[] {
  const wanted: RemoveStep[] = [];
  const owesFailure = record.reason === 'failed' && !record.failReported;
  // The report comes first: the refund should not wait for a backend that may be the very thing that is broken.
  if (owesFailure) wanted.push((world.lockLeftMs ?? 0) <= policy.lockMarginMs ? 'claim' : 'fail');
  const routed = record.routeState !== undefined && world.gateway !== undefined;
  if (routed) wanted.push('close-route');
  if (mayExist(record) && !routed) wanted.push('destroy');
  const machineGone = record.machine === 'none' || record.machine === 'gone';
  if (record.reason === 'cancelled' && !record.terminateReported && machineGone) wanted.push('terminate');
  if (record.claimed && !owesFailure && machineGone) wanted.push('release');
  if (record.dnsName !== undefined && world.gateway !== undefined) wanted.push('withdraw-name');
  return wanted;
}

function attempt(record: ContractRecord, step: Step, now: number, why: string): Decision {
  const due = dueAt(record, step, now);
  if (due <= now) return { kind: 'step', step, why };
  return { kind: 'wait', until: due, why: `${step} failed (${record.tries[step]?.text ?? ''}); it is tried again` };
}

function nextTry(record: ContractRecord, now: number): { until?: number } {
  const times = (Object.keys(record.tries) as Step[])
    .map((step) => dueAt(record, step, now))
    .filter((time) => time > now);
  return times.length === 0 ? {} : { until: Math.min(...times) };
}
