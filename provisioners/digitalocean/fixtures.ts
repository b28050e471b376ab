import { inProcess } from '../../simulators/cloud/in-process.ts';
import { createDoCore, type DoCore } from '../../simulators/digitalocean/core.ts';
import type { Fault } from '../../simulators/digitalocean/faults.ts';
import { type DoChoices, SIMULATOR_TOKEN } from '../../simulators/digitalocean/options.ts';
import type { VirtualClock } from '../../src/platform/virtual-clock.ts';
import { AGENT, playedBy, type Tamper, tampered } from '../../src/provisioner/cloud/fixtures.ts';
import { type Bench, sampleOrder } from '../../src/provisioner/conformance.ts';
import { type Clock, type ExternalId, type PluginDeps, silentLog, systemRandom } from '../../src/provisioner/index.ts';
import { createAccess, type TokenAccess } from './access.ts';
import { type DigitalOceanProvisioner, openDigitalOcean } from './provisioner.ts';
import { type DigitalOceanSettings, digitaloceanSettings } from './schema.ts';
import { isBare, readStamp } from './tags.ts';

export { AGENT, fastClock, refusalOf, type Tamper, tampered } from '../../src/provisioner/cloud/fixtures.ts';

/** Time passes as soon as nobody has anything else to do, so that nothing depends on how busy this machine is. */
export function eagerClock(start = 1_700_000_000_000): Clock {
  let elapsed = 0;
  let made = 0;
  let pumping = false;
  const timers = new Map<number, { readonly at: number; readonly fn: () => void }>();

  function pump(): void {
    if (pumping || timers.size === 0) return;
    pumping = true;
    setImmediate(() => {
      pumping = false;
      const [next] = [...timers].sort(([a, one], [b, other]) => one.at - other.at || a - b);
      if (next === undefined) return;
      const [id, { at, fn }] = next;
      timers.delete(id);
      elapsed = Math.max(elapsed, at);
      fn();
      pump();
    });
  }

  return {
    now: () => start + elapsed,
    monotonic: () => elapsed,
    after(ms, fn) {
      const id = made++;
      timers.set(id, { at: elapsed + Math.max(0, ms), fn });
      pump();
      return () => void timers.delete(id);
    },
  };
}

export const settingsOf = (given: Record<string, unknown> = {}): DigitalOceanSettings =>
  digitaloceanSettings.parse({
    api_token: SIMULATOR_TOKEN,
    sizes: ['s-2vcpu-4gb'],
    regions: ['fra1'],
    orders_may_name: ['size', 'region', 'image'],
    max_droplets: 500,
    ...given,
  });

export const depsOf = (clock: Clock): PluginDeps => ({
  agent: AGENT,
  target: 'digitalocean',
  clock,
  random: systemRandom,
  log: silentLog,
});

export interface Opened {
  readonly core: DoCore;
  /** In the order in which they are asked; each is used once. */
  readonly tampers: Tamper[];
  readonly access: TokenAccess;
  readonly provisioner: DigitalOceanProvisioner;
  readonly clock: Clock;
  close(): Promise<void>;
}

/** The plugin on a simulated account, without sockets, in time that passes at once. */
export function openTarget({
  settings,
  options = {},
  clock = eagerClock(),
}: {
  settings?: Record<string, unknown>;
  options?: DoChoices;
  clock?: Clock;
} = {}): Opened {
  const core = createDoCore({ clock, random: systemRandom, options });
  const chosen = settingsOf(settings);
  const deps = depsOf(clock);
  const tampers: Tamper[] = [];
  const transport = tampered(inProcess(core, { clock, prefix: '/v2', latencyMs: 20 }), tampers);
  const access = createAccess(transport, chosen, deps);
  const provisioner = openDigitalOcean({ access, deps, settings: chosen });
  return {
    core,
    tampers,
    access,
    provisioner,
    clock,
    async close() {
      await provisioner.close();
      access.close();
      core.close();
    },
  };
}

/** Lets virtual time pass until the call has ended. */
export function played<T>(clock: VirtualClock, call: Promise<T>, stepMs = 500): Promise<T> {
  return playedBy(stepMs, clock, call);
}

const CREATE = 'POST /droplets';
const LIST = 'GET /droplets';

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
  /** From a certain call on, and whether any met it. */
  const from = async (
    skip: number,
    times: number,
    fault: Fault,
  ): ReturnType<NonNullable<NonNullable<Bench['faults']>['loseAnswer']>> => {
    const before = sum(core.calls);
    const disarm = faults.add({ call: 'any', skip, times, fault });
    return async () => {
      disarm();
      return sum(core.calls) - before > skip ? 'struck' : 'spared';
    };
  };
  const truth = (id: string) => account.droplets.get(Number(id));
  return {
    provisioner,
    order: (overrides) => sampleOrder(AGENT, overrides),
    // Also those whose tags the provider has not applied yet.
    count: async ({ contract }) =>
      [...account.droplets.values()].filter(
        ({ tags, ordered }) => readStamp(isBare(tags) ? ordered : tags, AGENT)?.contract === contract,
      ).length,
    leftovers: async () => [
      ...[...account.droplets.values()].map(({ name }) => `droplet ${name}`),
      ...account.volumes.keys(),
      ...account.snapshots.keys(),
    ],
    foreign: {
      add: async (given) => String(admin.addForeign(given)) as ExternalId,
      exists: async (id) => truth(id) !== undefined && isBare(truth(id)?.tags ?? []),
    },
    faults: {
      loseCreateAnswer: next(CREATE, { kind: 'drop-after' }),
      loseCreateRequest: next(CREATE, { kind: 'drop-before' }),
      refuseCreate: next(CREATE, { kind: 'error', id: 'unprocessable_entity', message: 'User data is too long' }),
      denyCreate: next(CREATE, { kind: 'error', id: 'server_error', processed: true }),
      ignoreDestroy: async () =>
        void tampers.push({
          before: ({ method, path }) =>
            method === 'DELETE' && path.startsWith('/droplets/') ? { status: 204, headers: {}, body: '' } : undefined,
        }),
      partialList: async () =>
        void tampers.push({
          after: ({ method, path }, { status, headers, body }) =>
            method === 'GET' && path.startsWith('/droplets?')
              ? { status, headers, body: body.replaceAll('"tags"', '"lost_tags"') }
              : undefined,
        }),
      emptyList: next(LIST, { kind: 'list-empty' }),
      unreachable: reach.unreachable,
      failing: lasting({ kind: 'error', id: 'server_error' }),
      silent: lasting({ kind: 'hang-before' }),
      loseAnswer: (nth) => from(nth - 1, 1, { kind: 'drop-after' }),
      cutAfter: (calls) => from(calls, Number.POSITIVE_INFINITY, { kind: 'refuse' }),
      throttleAfter: (calls) => from(calls, Number.POSITIVE_INFINITY, { kind: 'rate-limit', retryAfterS: 5 }),
      loseMachine: async (id) => admin.lose(Number(id)),
      powerOff: async (id) => admin.powerOff(Number(id)),
      giveIdToStranger: async (id) => admin.setTags(Number(id), []),
      duplicate: async (id) => {
        const { name, tags } = truth(id) ?? {};
        if (name === undefined || tags === undefined) throw new Error('there is nothing to copy');
        return String(admin.addForeign({ name, tags })) as ExternalId;
      },
    },
    cleanup: reach.cleanup,
  };
}

function sum(calls: ReadonlyMap<string, number>): number {
  return [...calls.values()].reduce((all, each) => all + each, 0);
}
