import { cleanSshKey, waitUntilReady } from '../guest/index.ts';
import {
  afterAnnounce,
  afterClaim,
  afterDeliver,
  afterFail,
  afterTerminate,
  type ContractEvent,
  type ContractRecord,
  type InstanceData,
  isBehindHost,
  routeOf,
  type Step,
} from '../lifecycle/index.ts';
import type { LockAnswer } from '../platform/api.ts';
import type { ContractId } from '../ports/ids.ts';
import type { Log } from '../ports/log.ts';
import { Secret } from '../ports/secret.ts';
import type { Instance } from '../provisioner/contract.ts';
import { isProvisionerError } from '../provisioner/errors.ts';
import type { AccessRequest } from './access.ts';
import { lookAtCloudInit } from './cloud-init-end.ts';
import type { AgentDeps } from './deps.ts';
import { details } from './details.ts';
import { handOver, sealProbe } from './hand-over.ts';
import { asTold, passwordProblem } from './login-user.ts';
import { pinOf } from './machine-keys.ts';
import { makePassword } from './password.ts';
import { runRecipeStep, withdrawStep } from './recipe-steps.ts';
import { type RouteLane, sshEndpoint } from './route-lane.ts';
import { ROUTE_STEPS } from './route-steps.ts';
import { operation } from './steps-operation.ts';
import { machineOrder, ownedRef, type Surplus, type Target } from './target.ts';
import type { TrafficBook } from './traffic-book.ts';
import { refuseFalseAddress, startedAt } from './whereabouts.ts';

export interface StepContext {
  readonly deps: AgentDeps;
  readonly target: Target;
  readonly record: ContractRecord;
  readonly attempt: number;
  /** An earlier attempt at this step began, and its outcome is not known. */
  readonly outcomeUnknown: boolean;
  /** What the latest list shows beside the contract's machine. */
  readonly surplus: Surplus;
  /** What the tenant asked for. */
  readonly asked: AccessRequest;
  /** Whose machine, of all but this contract's, is known to be at an address. */
  readonly holderOf: (address: string) => ContractId | undefined;
  /** Absent without a gateway. */
  readonly routes?: RouteLane;
  readonly traffic: TrafficBook;
  readonly signal: AbortSignal;
  readonly log: Log;
  /** Called with each answer to a lock call, and when the call was begun (monotonic ms). */
  readonly onLock: (answer: LockAnswer, askedAt: number) => void;
}

/** Does one step, and says in events what came of it. Throws what the platform or the plugin threw. */
export async function perform(step: Step, context: StepContext): Promise<ContractEvent[]> {
  return STEPS[step](context);
}

const STEPS: Record<Step, (context: StepContext) => Promise<ContractEvent[]>> = {
  ...ROUTE_STEPS,

  async claim(context) {
    return afterClaim(context.record, await lock(context));
  },

  async announce({ deps, record, signal }) {
    return afterAnnounce(record, await deps.platform.reportProvisioning(record.contract, signal));
  },

  async create(context) {
    const { deps, target, record } = context;
    const { tenantKey } = record.order;
    if (tenantKey !== undefined && sealProbe(deps, record, tenantKey) === undefined) return [BAD_TENANT_KEY];
    const instance = await target.provisioner.create(
      machineOrder(record, deps, target.provisioner.capabilities),
      operation(context),
    );
    await refuseFalseAddress(instanceData(instance), context);
    const password = instance.rootPassword?.reveal();
    const handed = password === undefined ? undefined : handOver(password, record, tenantKey, deps);
    return [
      {
        type: 'done',
        step: 'create',
        instance: asTold(instanceData(instance), record.order.user),
        ...handed,
      },
      ...(record.route === undefined || isBehindHost(instance) ? [] : [NEEDS_NO_ROUTE]),
    ];
  },

  async verify(context) {
    const { deps, target, record, signal } = context;
    const ssh = sshEndpoint(record, deps);
    if (ssh === undefined) {
      return [
        {
          type: 'failed',
          step: 'verify',
          kind: 'permanent',
          text: 'the backend gave no address to log in at',
          publicText: UNREACHABLE,
        },
      ];
    }
    const pin = pinOf(deps.vault, record, target.provisioner.capabilities);
    const probe = await waitUntilReady({
      clock: deps.clock,
      random: deps.random,
      deadlineMs: deps.settings.policy.readyWithinMs,
      signal,
      probe: (inner, line) =>
        deps.guest.probeSsh(
          {
            ...ssh,
            sshKey: record.order.sshKey,
            timeoutMs: 5_000,
            ...(pin === undefined ? {} : { expectHostKey: pin.fingerprint }),
          },
          inner,
          line,
        ),
    });
    if (probe.state === 'ready') {
      const { hostKey } = probe;
      const seen = await lookAtCloudInit(context);
      return [{ type: 'done', step: 'verify', hostKey, hostKeyTrust: pin?.trust ?? 'first-use', ...seen }];
    }
    return [
      {
        type: 'failed',
        step: 'verify',
        kind: 'permanent',
        text: `no login within the time limit: ${probe.state}`,
        publicText: probe.state === 'wrong-host-key' ? STRANGER : UNREACHABLE,
      },
    ];
  },

  recipe: runRecipeStep,
  withdraw: withdrawStep,

  async deliver({ deps, record, routes, signal }) {
    const { instance } = record;
    if (instance === undefined) throw new Error('deliver without an instance');
    // Its ports were proved by an earlier process, and anything may have happened to them since.
    const isFirst = routes !== undefined && routes.made === undefined && routeOf(record) !== undefined;
    if (isFirst && deps.gateway?.policy === 'required') await routes.settle(signal);
    const told = details(record, instance, deps.gateway);
    return afterDeliver(record, await deps.platform.reportProvisioned(record.contract, told, signal));
  },

  async credential({ deps, record, signal }) {
    if (record.sealedPassword === undefined) return [{ type: 'done', step: 'credential' }];
    const answer = await deps.platform.completePasswordReset(
      record.contract,
      deps.vault.open(record.sealedPassword),
      signal,
    );
    if (answer.outcome === 'done') return [{ type: 'done', step: 'credential' }];
    return [
      {
        type: 'failed',
        step: 'credential',
        kind: 'config',
        text: `refused: ${'text' in answer ? answer.text : answer.outcome}`,
      },
    ];
  },

  async release({ deps, record, signal }) {
    const held = await deps.platform.releaseLock(record.contract, signal);
    return [{ type: 'done', step: 'release', ...(held ? {} : { note: 'it was not held any more' }) }];
  },

  async fail(context) {
    const { deps, record, signal } = context;
    await deps.platform.reportFailed(record.contract, record.publicReason ?? 'The machine could not be made.', signal);
    return afterFail(await lock(context));
  },

  async destroy(context) {
    const { deps, target, record } = context;
    await context.traffic.lookAtBackend(target, context.signal);
    try {
      await target.provisioner.destroy(ownedRef(record, deps.agent), operation(context));
    } catch (error) {
      // Whatever is there now is somebody else's. Should ours turn up again, its stamp is recognised.
      if (!isProvisionerError(error) || error.kind !== 'not-ours') throw error;
      context.log.warn({ error }, 'the machine is not ours any more: it is left alone');
      return [{ type: 'done', step: 'destroy', note: `left alone: ${error.message}` }];
    }
    return [{ type: 'done', step: 'destroy' }];
  },

  async prune(context) {
    const { deps, target, record, surplus } = context;
    const kept = ownedRef(record, deps.agent);
    for (const twin of surplus.twins) await target.provisioner.removeTwin?.(twin, kept, operation(context));
    for (const earlier of surplus.earlier)
      await target.provisioner.destroy(
        { stamp: { ...kept.stamp, operation: earlier }, handles: {} },
        // What was remembered is about the machine that stays.
        { ...operation(context), id: earlier, handles: {}, remember: async () => {} },
      );
    return [{ type: 'done', step: 'prune', note: `removed ${[...surplus.twins, ...surplus.earlier].join(', ')}` }];
  },

  async terminate({ deps, record, signal }) {
    return afterTerminate(await deps.platform.reportTerminated(record.contract, signal));
  },

  async rekey(context) {
    const { deps, target, record, asked, signal } = context;
    const { sshKey } = asked;
    if (sshKey === undefined) return [{ type: 'done', step: 'rekey', note: 'not asked for any more' }];
    if (target.provisioner.setKeys === undefined) throw new Error('rekey on a backend that cannot');
    await target.provisioner.setKeys(ownedRef(record, deps.agent), [sshKey], operation(context));
    // The report marks whatever key is pending at that moment as done, so a newer one must not be waiting by now.
    const pending = (await deps.platform.pendingKeyRotations(signal)).find((one) => one.contract === record.contract);
    if (pending !== undefined && cleanedKey(pending.sshKey) !== sshKey)
      return [unfinished('a newer key was asked for')];
    if (pending !== undefined) {
      const answer = await deps.platform.completeKeyRotation(record.contract, signal);
      if (answer.outcome === 'refused' || answer.outcome === 'out-of-order')
        return [unfinished(`the platform refused the report: ${'text' in answer ? answer.text : answer.status}`)];
    }
    return [{ type: 'done', step: 'rekey', sshKey }];
  },

  async reset(context) {
    const { deps, target, record, asked } = context;
    if (target.provisioner.setPassword === undefined) return resetByBackend(context);
    const begun = record.nextPassword !== undefined;
    const sealFor = begun ? record.nextSealFor : (asked.sealFor ?? record.order.tenantKey);
    const sealed = record.nextPassword ?? deps.vault.seal(makePassword(deps.random));
    const password = deps.vault.open(sealed);
    // Before anything changes: a password that cannot be sealed must not be set.
    const handed = handOver(password, record, sealFor, deps);
    if (handed === undefined) return [UNSEALABLE];
    // To whom it is sealed is written down with it: after a crash it must not go out in clear.
    const kept = { type: 'password', sealedPassword: sealed, ...(sealFor === undefined ? {} : { sealFor }) } as const;
    if (!begun) await deps.ledger.append(record.contract, kept);
    await target.provisioner.setPassword(ownedRef(record, deps.agent), new Secret(password), operation(context));
    return [{ type: 'done', step: 'reset', ...handed }];
  },

  async stop(context) {
    const { deps, target, record } = context;
    if (target.provisioner.stop === undefined) throw new Error('stop on a backend that cannot');
    await context.traffic.lookAtBackend(target, context.signal);
    await target.provisioner.stop(ownedRef(record, deps.agent), operation(context));
    return [{ type: 'done', step: 'stop' }];
  },

  async start(context) {
    const { deps, target, record } = context;
    if (target.provisioner.start === undefined) throw new Error('start on a backend that cannot');
    const instance = await target.provisioner.start(ownedRef(record, deps.agent), operation(context));
    const told = asTold(instanceData(instance), record.instance?.ssh?.user);
    return [{ type: 'done', step: 'start', instance: await startedAt(told, context) }];
  },
};

/**
 * The backend chooses the password, so nobody can know it beforehand: after a crash, or an answer that was lost, it is nobody's, and the
 * next attempt has another one made.
 */
async function resetByBackend(context: StepContext): Promise<ContractEvent[]> {
  const { deps, target, record, asked } = context;
  if (target.provisioner.newPassword === undefined) throw new Error('reset on a backend that cannot');
  const problem = passwordProblem(context);
  if (problem !== undefined) return [{ type: 'failed', step: 'reset', kind: 'config', text: problem }];
  const sealFor = asked.sealFor ?? record.order.tenantKey;
  if (sealFor !== undefined && sealProbe(deps, record, sealFor) === undefined) return [UNSEALABLE];
  const { password } = await target.provisioner.newPassword(ownedRef(record, deps.agent), operation(context));
  const handed = handOver(password.reveal(), record, sealFor, deps);
  return [handed === undefined ? UNSEALABLE : { type: 'done', step: 'reset', ...handed }];
}

const UNSEALABLE: ContractEvent = {
  type: 'failed',
  step: 'reset',
  kind: 'config',
  text: 'the key to seal it for is no Ed25519 public key',
};

const NEEDS_NO_ROUTE: ContractEvent = { type: 'unrouted', why: 'the machine is reached without this host' };

/** A key that cannot be used is never equal to one that was set. */
function cleanedKey(text: string): string | undefined {
  const key = cleanSshKey(text);
  return key.ok ? key.key : undefined;
}

function unfinished(text: string): ContractEvent {
  return { type: 'failed', step: 'rekey', kind: 'retry', text };
}

const BAD_TENANT_KEY: ContractEvent = {
  type: 'failed',
  step: 'create',
  kind: 'permanent',
  text: 'tenant_pubkey is no Ed25519 public key',
  publicText: 'The tenant_pubkey of this contract is no Ed25519 public key.',
  nothingHappened: true,
};

const UNREACHABLE = 'The machine was made, but did not accept a login in time.';
const STRANGER = 'The machine was made, but another one answered at its address.';

async function lock({ deps, record, signal, onLock }: StepContext): Promise<LockAnswer> {
  const askedAt = deps.clock.monotonic();
  const answer = await deps.platform.acquireLock(record.contract, signal);
  onLock(answer, askedAt);
  return answer;
}

export function instanceData(instance: Instance): InstanceData {
  const { externalId, ipv4, ipv6, publicIp, mac, ssh, additionalDetails, hostKey } = instance;
  return {
    externalId,
    ...(ipv4 === undefined ? {} : { ipv4 }),
    ...(ipv6 === undefined ? {} : { ipv6 }),
    ...(publicIp === undefined ? {} : { publicIp }),
    ...(mac === undefined ? {} : { mac }),
    ...(ssh === undefined ? {} : { ssh }),
    ...(additionalDetails === undefined ? {} : { additionalDetails }),
    ...(hostKey === undefined ? {} : { hostKey }),
  };
}
