import { createVultrCore, type VultrCore } from '../../simulators/vultr/core.ts';
import type { Fault } from '../../simulators/vultr/faults.ts';
import { inProcessVultr } from '../../simulators/vultr/in-process.ts';
import { SIMULATOR_KEY, type VultrChoices } from '../../simulators/vultr/options.ts';
import type { VirtualClock } from '../../src/platform/virtual-clock.ts';
import { AGENT, fastClock, playedBy, type Tamper, tampered } from '../../src/provisioner/cloud/fixtures.ts';
import { type Bench, sampleOrder } from '../../src/provisioner/conformance.ts';
import { type Clock, type ExternalId, type PluginDeps, silentLog, systemRandom } from '../../src/provisioner/index.ts';
import { createAccount } from './account.ts';
import { createBudget } from './budget.ts';
import { openVultr, type VultrProvisioner } from './provisioner.ts';
import { type VultrSettings, vultrSettings } from './schema.ts';
import { isMarked, readStamp } from './tags.ts';
import type { VultrTransport } from './transport.ts';

export { AGENT, answer, fastClock, refusalOf, type Tamper, tampered } from '../../src/provisioner/cloud/fixtures.ts';

export const settingsOf = (given: Record<string, unknown> = {}): VultrSettings =>
  vultrSettings.parse({
    api_key: SIMULATOR_KEY,
    offerings: ['1'],
    plans: ['vc2-1c-1gb', 'vhf-2c-4gb'],
    regions: ['ams', 'fra'],
    image: 'os:2136',
    orders_may_name: ['plan', 'region', 'image'],
    max_instances: 500,
    ...given,
  });

export const depsOf = (clock: Clock): PluginDeps => ({
  agent: AGENT,
  target: 'vultr',
  clock,
  random: systemRandom,
  log: silentLog,
});

export interface Opened {
  readonly core: VultrCore;
  /** In the order in which they are asked; each is used once. */
  readonly tampers: Tamper[];
  readonly provisioner: VultrProvisioner;
  readonly clock: Clock;
  close(): Promise<void>;
}

/** The plugin on a simulated account, without sockets, in fast time. */
export function openTarget({
  settings,
  options = {},
  clock: given,
}: {
  settings?: Record<string, unknown>;
  options?: VultrChoices;
  clock?: Clock;
} = {}): Opened {
  const clock = given ?? fastClock(300);
  const core = createVultrCore({ clock, random: systemRandom, options });
  // In fast time a pause of a busy machine would look like a lost answer.
  const chosen = settingsOf({ ...(given === undefined ? { request_timeout_seconds: 600 } : {}), ...settings });
  const tampers: Tamper[] = [];
  const transport = tampered(inProcessVultr(core, { clock, latencyMs: 20 }), tampers);
  const provisioner = openOver(transport, chosen, depsOf(clock));
  return {
    core,
    tampers,
    provisioner,
    clock,
    async close() {
      await provisioner.close();
      core.close();
    },
  };
}

/** The plugin over any transport. */
export function openOver(transport: VultrTransport, settings: VultrSettings, deps: PluginDeps): VultrProvisioner {
  const { clock, random } = deps;
  const budget = createBudget({ clock, random, perSecond: settings.requests_per_second });
  return openVultr({ account: createAccount({ transport, budget }, settings, deps), deps, settings });
}

/** Lets virtual time pass until the call has ended. */
export function played<T>(clock: VirtualClock, call: Promise<T>, stepMs = 200): Promise<T> {
  return playedBy(stepMs, clock, call);
}

const CREATE = 'POST /instances';
const LIST = 'GET /instances';

export function benchOf(
  { core, provisioner, tampers }: Pick<Opened, 'core' | 'provisioner' | 'tampers'>,
  reach: Pick<Bench, 'cleanup'> & { unreachable(): Promise<() => Promise<void>> },
): Bench {
  const { admin, faults, account } = core;
  const next = (call: string, fault: Fault) => async (): Promise<void> => void faults.add({ call, fault });
  const lasting = (fault: Fault) => async (): Promise<() => Promise<void>> => {
    const disarm = faults.add({ call: 'any', times: Number.POSITIVE_INFINITY, fault });
    return async () => disarm();
  };
  const arrived = (): number => [...core.calls.values()].reduce((sum, count) => sum + count, 0);
  /** From the call after so many on, for so many calls. */
  const breaking = (fault: Fault, skip: number, times: number) => {
    const before = arrived();
    const disarm = faults.add({ call: 'any', skip, times, fault });
    return async () => {
      disarm();
      return arrived() > before + skip ? ('struck' as const) : ('spared' as const);
    };
  };
  const truth = (id: string) => account.instances.get(id);
  return {
    provisioner,
    order: (overrides) => sampleOrder(AGENT, overrides),
    count: async ({ contract }) =>
      [...account.instances.values()].filter((each) => readStamp(each, AGENT)?.contract === contract).length,
    leftovers: async () => [
      ...[...account.instances.values()].filter(isMarked).map(({ id }) => `instance ${id}`),
      ...account.blocks.keys(),
      ...account.reservedIps.keys(),
      ...account.snapshots.keys(),
    ],
    foreign: {
      add: async ({ name }) => admin.addForeign(name === undefined ? {} : { label: name }) as ExternalId,
      exists: async (id) => {
        const found = truth(id);
        return found !== undefined && !isMarked(found);
      },
    },
    faults: {
      loseCreateAnswer: next(CREATE, { kind: 'drop-after' }),
      loseCreateRequest: next(CREATE, { kind: 'drop-before' }),
      refuseCreate: next(CREATE, { kind: 'error', status: 400, message: 'Invalid user_data.' }),
      denyCreate: next(CREATE, { kind: 'error', status: 500, processed: true }),
      ignoreDestroy: next('DELETE /instances/{id}', { kind: 'accept' }),
      partialList: async () =>
        void tampers.push({
          after: ({ method, path }, { status, headers, body }) =>
            method === 'GET' && path.startsWith('/instances?')
              ? { status, headers, body: body.replaceAll('"tags"', '"lost_tags"') }
              : undefined,
        }),
      emptyList: next(LIST, { kind: 'list-empty' }),
      unreachable: reach.unreachable,
      failing: lasting({ kind: 'error', status: 500 }),
      silent: lasting({ kind: 'hang-before' }),
      loseAnswer: async (nth) => breaking({ kind: 'drop-after' }, nth - 1, 1),
      cutAfter: async (calls) => breaking({ kind: 'drop-before' }, calls, Number.POSITIVE_INFINITY),
      throttleAfter: async (calls) => breaking({ kind: 'rate-limit' }, calls, Number.POSITIVE_INFINITY),
      loseMachine: async (id) => admin.lose(id),
      powerOff: async (id) => admin.powerOff(id),
      giveIdToStranger: async (id) => admin.setTags(id, []),
      duplicate: async (id) => {
        const found = truth(id);
        if (found === undefined) throw new Error('there is nothing to copy');
        return admin.addForeign({ label: found.label, tags: found.tags }) as ExternalId;
      },
    },
    cleanup: reach.cleanup,
  };
}
