import type { SandboxCore } from '../../simulators/sandbox/core.ts';
import type { Fault } from '../../simulators/sandbox/faults.ts';
import { type Bench, type BenchFaults, sampleOrder } from '../../src/provisioner/conformance.ts';
import type { AgentId, ExternalId, Provisioner } from '../../src/provisioner/index.ts';

type Ending = Awaited<ReturnType<NonNullable<BenchFaults['cutAfter']>>>;

export const AGENT = 'a'.repeat(64) as AgentId;

/** The bench of any plugin that drives this sandbox; `unreachable` and `cleanup` depend on how it is reached. */
export function sandboxBench(
  core: SandboxCore,
  provisioner: Provisioner,
  reach: { unreachable(): Promise<() => Promise<void>>; cleanup(): Promise<void> },
): Bench {
  const { admin, machines, faults } = core;
  const next = (call: 'create' | 'list' | 'delete', fault: Fault) => async (): Promise<void> =>
    void faults.add({ call, fault });
  const lasting = (fault: Fault) => async (): Promise<() => Promise<void>> => {
    const disarm = faults.add({ call: 'any', times: Number.POSITIVE_INFINITY, fault });
    return async () => disarm();
  };
  const callsSoFar = (): number => Object.values(core.calls).reduce((sum, count) => sum + count, 0);
  /** Trouble from one call on, for one call or for all; what arrived since tells whether any met it. */
  const from = (skip: number, times: number, fault: Fault): Ending => {
    const before = callsSoFar();
    const disarm = faults.add({ call: 'any', skip, times, fault });
    return async () => {
      disarm();
      return callsSoFar() > before + skip ? 'struck' : 'spared';
    };
  };
  const EVER = Number.POSITIVE_INFINITY;
  return {
    provisioner,
    order: (overrides) => sampleOrder(AGENT, overrides),
    count: async ({ contract }) =>
      [...machines.values()].filter(({ labels }) => labels['dc-contract-id'] === contract).length,
    keys: async (id) => machines.get(id)?.authorizedKeys ?? [],
    passwordOpens: async (id, password) => machines.get(id)?.rootPassword === password,
    // It has no recipes, whatever a plugin claims.
    ranRecipe: async () => false,
    leftovers: async () =>
      [...machines.values()].filter(({ labels }) => labels['dc-agent-id'] === AGENT).map(({ id }) => id),
    foreign: {
      add: async (given) => admin.addForeign(given) as ExternalId,
      exists: async (id) => machines.has(id) && machines.get(id)?.labels['dc-agent-id'] === undefined,
    },
    faults: {
      loseCreateAnswer: next('create', { kind: 'drop-after' }),
      loseCreateRequest: next('create', { kind: 'drop-before' }),
      refuseCreate: next('create', { kind: 'no-capacity' }),
      denyCreate: next('create', { kind: 'status', status: 500, processed: true }),
      ignoreDestroy: next('delete', { kind: 'ignore' }),
      partialList: next('list', { kind: 'list-partial' }),
      emptyList: next('list', { kind: 'list-empty' }),
      unreachable: reach.unreachable,
      failing: lasting({ kind: 'status', status: 500 }),
      silent: lasting({ kind: 'hang-before' }),
      loseAnswer: async (nth) => from(nth - 1, 1, { kind: 'drop-after' }),
      cutAfter: async (calls) => from(calls, EVER, { kind: 'refuse' }),
      throttleAfter: async (calls) => from(calls, EVER, { kind: 'status', status: 429, retryAfterSeconds: 1 }),
      loseMachine: async (id) => admin.lose(id),
      powerOff: async (id) => admin.powerOff(id),
      giveIdToStranger: async (id) => admin.giveIdToStranger(id),
      duplicate: async (id) => admin.duplicate(id) as ExternalId,
    },
    cleanup: reach.cleanup,
  };
}
