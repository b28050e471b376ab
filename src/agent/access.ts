import { cleanSshKey } from '../guest/index.ts';
import type { KeyRotation } from '../platform/api.ts';
import type { ContractId } from '../ports/ids.ts';
import type { AgentDeps } from './deps.ts';
import { passwordProblem } from './login-user.ts';
import { Loop } from './loop.ts';
import { retryAfterOf } from './work-list.ts';
import type { Worker } from './worker.ts';

/** What a tenant asked for and does not have yet. */
export interface AccessRequest {
  /** The new key, cleaned. */
  readonly sshKey?: string;
  readonly password?: true;
  /** The operator named a key to seal the password to. */
  readonly sealFor?: string;
}

export interface AccessContext {
  readonly deps: AgentDeps;
  readonly workers: ReadonlyMap<ContractId, Worker>;
  readonly requests: AccessRequests;
}

/** What is known of the requests for new keys and passwords, for status. */
export class AccessRequests {
  /** Why a request cannot be served, by contract. */
  readonly problems = new Map<ContractId, string>();
  /** The platform said that there are password resets which it cannot list. */
  unlistable: string | undefined;
}

/**
 * Asks the platform which tenants want new keys or a new password, and hands that to the workers, as it stands: a request that is
 * not listed any more was served or taken back. Asks nothing while no machine is handed over.
 */
export function accessLoop({ deps, workers, requests }: AccessContext): Loop {
  return new Loop({
    name: 'access',
    clock: deps.clock,
    random: deps.random,
    log: deps.log,
    interval: () => deps.settings.reconcileIntervalMs,
    retryAfter: retryAfterOf,
    async pass(signal) {
      if (![...workers.values()].some(({ record }) => record.delivered)) return;
      const rotations = await deps.platform.pendingKeyRotations(signal);
      const resets = await deps.platform.pendingPasswordResets(signal);
      const unlistable = resets.listed ? undefined : resets.text;
      if (unlistable !== undefined && requests.unlistable === undefined)
        deps.log.warn({ text: unlistable }, 'the platform cannot list password resets');
      requests.unlistable = unlistable;
      const wanted = collect(rotations, resets.listed ? resets.contracts : []);
      requests.problems.clear();
      for (const worker of workers.values()) worker.asked(serveable(worker, wanted.get(worker.contract), requests));
    },
  });
}

interface Wanted {
  key?: ReturnType<typeof cleanSshKey>;
  password?: true;
}

function collect(rotations: readonly KeyRotation[], resets: readonly ContractId[]): Map<ContractId, Wanted> {
  const wanted = new Map<ContractId, Wanted>();
  for (const { contract, sshKey } of rotations) wanted.set(contract, { key: cleanSshKey(sshKey) });
  for (const contract of resets) wanted.set(contract, { ...wanted.get(contract), password: true });
  return wanted;
}

/** The platform takes no report of a failure here, so what cannot be served is shown to the operator instead. */
function serveable(worker: Worker, wanted: Wanted | undefined, requests: AccessRequests): AccessRequest {
  if (wanted === undefined) return {};
  const { can } = worker.target;
  const noPassword = passwordProblem(worker);
  const problems: string[] = [];
  if (wanted.key !== undefined && !can.setKeys) problems.push('this backend cannot replace keys');
  if (wanted.key?.ok === false) problems.push(`the new key cannot be used: ${wanted.key.problem}`);
  if (wanted.password && noPassword !== undefined) problems.push(noPassword);
  if (problems.length > 0) requests.problems.set(worker.contract, problems.join('; '));
  return {
    ...(wanted.key?.ok && can.setKeys ? { sshKey: wanted.key.key } : {}),
    ...(wanted.password && noPassword === undefined ? { password: true } : {}),
  };
}
