import { GatewayError } from '../gateway/port.ts';
import type { UptimeState } from '../health/index.ts';
import { type ContractRecord, routeOf } from '../lifecycle/index.ts';
import { sleep } from '../ports/clock.ts';
import type { Instance } from '../provisioner/contract.ts';
import { withDeadline } from './deadline.ts';
import type { AgentDeps } from './deps.ts';
import { sshEndpoint } from './route-lane.ts';
import { ownedRef, type Target } from './target.ts';
import type { Worker } from './worker.ts';

export interface Finding {
  readonly state: UptimeState;
  readonly latencyMs?: number;
  /** May leave the host: says nothing of where the machine was looked for. */
  readonly details?: string;
  /** Wall ms at which it was so; absent: when the examination ended. */
  readonly at?: number;
}

/** A health check may log in, or run a script. */
const CHECK_DEADLINE_MS = 120_000;
/** From the first packet to the host key. */
const KNOCK_TIMEOUT_MS = 5_000;
/** One lost packet is no outage: a door that stays shut is knocked at once more, after this long. */
const KNOCK_AGAIN_MS = 3_000;

/**
 * The state of a machine: what the lists say, what the machine itself answers on its tenant's way, and, only where that leaves a
 * doubt, what its backend finds. That something which was up is down is said only after two looks.
 */
export async function examine(
  deps: AgentDeps,
  worker: Worker,
  before: UptimeState | undefined,
  signal: AbortSignal,
): Promise<Finding> {
  const seen = glance(worker);
  if (seen.state === 'paused' || (seen.state === 'down' && before === 'down')) return seen;
  const answer = await knock(deps, worker, seen, signal);
  if (answer?.state === 'up') return seen.state === 'up' ? { ...seen, ...answer } : answer;
  if (seen.state === 'down') return answer === undefined ? confirmed(deps, worker, seen, signal) : seen;
  const backend = hasCheck(worker) ? await check(deps, worker, signal) : seen;
  return answer === undefined || backend.state === 'down' ? backend : answer;
}

/** What the lists say. A machine that is off is not up, whoever switched it off. */
export function glance(worker: { readonly record: ContractRecord; readonly target: Target }): Finding {
  const { record, target } = worker;
  if (record.goal === 'stop') return { state: 'paused', details: 'stopped: the contract is paused' };
  if (target.problem !== undefined) return { state: 'unknown', details: 'the backend cannot be read' };
  const instance = target.seenOf(record);
  return instance === undefined ? NOT_SHOWN : ofInstance(instance);
}

const NOT_SHOWN: Finding = { state: 'unknown', details: 'the backend does not show the machine' };

function ofInstance({ power, uptimeMs: uptime }: Instance): Finding {
  if (power === 'running') {
    return {
      state: 'up',
      ...(uptime === undefined ? {} : { details: JSON.stringify({ uptime_seconds: Math.floor(uptime / 1000) }) }),
    };
  }
  if (power === 'stopped') return { state: 'down', details: 'the machine is off' };
  if (power === 'transition') return { state: 'unknown', details: 'the machine is being started or stopped' };
  return NOT_SHOWN;
}

/**
 * Undefined where no login is possible by design, and where who answers need not be the machine. One that answers is up, also while its
 * backend cannot be read.
 */
async function knock(
  deps: AgentDeps,
  { record, target }: Worker,
  seen: Finding,
  signal: AbortSignal,
): Promise<Finding | undefined> {
  const attempts = seen.state === 'down' ? 1 : 2;
  const ssh = sshEndpoint(record, deps);
  if (ssh === undefined || !isInUse(record) || !target.can.needsLogin) return undefined;
  for (let attempt = 1; ; attempt++) {
    const { host, port } = ssh;
    const answer = await deps.knock({ host, port, timeoutMs: KNOCK_TIMEOUT_MS }, signal);
    const at = deps.clock.now();
    // Keys and host keys are the tenant's own business by now; that something answers is what is promised.
    if (answer.state === 'answers') {
      const strange = record.hostKey !== undefined && answer.hostKey !== undefined && answer.hostKey !== record.hostKey;
      // A key that is the machine's own is proof enough, and cheaper.
      const who = strange ? await whoAnswers(deps, record, signal) : 'the machine';
      if (who === 'another') return { state: 'down', details: 'its port leads to another machine' };
      // The address of a machine that is gone is soon another one's.
      if (who === 'anybody' && seen.state !== 'up' && target.problem === undefined) return undefined;
      return {
        state: 'up',
        at,
        latencyMs: Math.round(answer.latencyMs),
        ...(strange ? { details: 'its host key is another than when it was handed over' } : {}),
      };
    }
    if (attempt >= attempts) {
      return answer.state === 'silent'
        ? { state: 'down', details: 'the SSH server does not answer' }
        : { state: 'unknown', details: 'this host could not ask the machine' };
    }
    await sleep(deps.clock, KNOCK_AGAIN_MS, signal);
  }
}

/** Who is behind the port of a machine that shows a new host key. What cannot be found out is no outage. */
async function whoAnswers(
  { gateway }: AgentDeps,
  record: ContractRecord,
  signal: AbortSignal,
): Promise<'the machine' | 'another' | 'anybody'> {
  const route = record.routeState === 'open' ? routeOf(record) : undefined;
  if (gateway === undefined || route === undefined) return 'anybody';
  try {
    const proof = await gateway.port.prove(route, signal);
    if (proof.ok) return 'the machine';
    return proof.stranger === true ? 'another' : 'anybody';
  } catch (error) {
    if (error instanceof GatewayError) return 'anybody';
    throw error;
  }
}

/** Also while a restored platform is told of it anew: its tenant has it all the time. */
function isInUse({ goal }: ContractRecord): boolean {
  return goal === 'keep' || goal === 'deliver';
}

function hasCheck({ record, target }: Worker): boolean {
  return target.provisioner.capabilities.healthCheck === true && isInUse(record);
}

/** A list that shows a machine off, where no door can be knocked at: the backend is asked about this one machine. */
async function confirmed(deps: AgentDeps, worker: Worker, seen: Finding, signal: AbortSignal): Promise<Finding> {
  const found = await check(deps, worker, signal);
  return found.state === 'unknown' ? seen : found;
}

/** What the backend finds when it is asked about this one machine. */
async function check(deps: AgentDeps, worker: Worker, signal: AbortSignal): Promise<Finding> {
  const { record, target, log } = worker;
  try {
    const observed = await withDeadline(deps.clock, CHECK_DEADLINE_MS, signal, (inner) =>
      target.provisioner.observe(ownedRef(record, deps.agent), { signal: inner, log }),
    );
    if (observed.state === 'unknown') return { state: 'unknown', details: observed.why };
    if (observed.state === 'absent') return NOT_SHOWN;
    if (observed.unhealthy !== undefined) return { state: 'down', details: observed.unhealthy };
    return ofInstance(observed.instance);
  } catch (error) {
    if (signal.aborted) throw error;
    log.debug({ error }, 'the health check failed');
    return { state: 'unknown', details: 'the health check failed' };
  }
}
