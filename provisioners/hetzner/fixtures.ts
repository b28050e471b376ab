import { createHetznerCore, type HetznerCore } from '../../simulators/hetzner/core.ts';
import type { Fault } from '../../simulators/hetzner/faults.ts';
import { inProcessHetzner } from '../../simulators/hetzner/in-process.ts';
import { type HetznerChoices, SIMULATOR_TOKEN } from '../../simulators/hetzner/options.ts';
import type { VirtualClock } from '../../src/platform/virtual-clock.ts';
import { AGENT, answer, fastClock, playedBy, type Tamper, tampered } from '../../src/provisioner/cloud/fixtures.ts';
import { type Bench, sampleOrder } from '../../src/provisioner/conformance.ts';
import { type Clock, type ExternalId, type PluginDeps, silentLog, systemRandom } from '../../src/provisioner/index.ts';
import { NOBODYS_KEY } from './keys.ts';
import { LABEL, readStamp } from './labels.ts';
import { createProject } from './project.ts';
import { type HetznerProvisioner, openHetzner } from './provisioner.ts';
import { type HetznerSettings, hetznerSettings } from './schema.ts';
import { interruptible } from './test-trouble.ts';

export { AGENT, fastClock, refusalOf } from '../../src/provisioner/cloud/fixtures.ts';

export const settingsOf = (given: Record<string, unknown> = {}): HetznerSettings =>
  hetznerSettings.parse({
    token: SIMULATOR_TOKEN,
    offerings: ['1'],
    server_types: ['cx23', 'cpx22'],
    locations: ['fsn1', 'nbg1'],
    image: 'debian-13',
    orders_may_name: ['type', 'location', 'image'],
    max_servers: 500,
    ...given,
  });

export const depsOf = (clock: Clock): PluginDeps => ({
  agent: AGENT,
  target: 'hetzner',
  clock,
  random: systemRandom,
  log: silentLog,
});

export interface Opened {
  readonly core: HetznerCore;
  /** In the order in which they are asked; each is used once. */
  readonly tampers: Tamper[];
  /** Trouble at the nth request from now. */
  readonly interruptions: ReturnType<typeof interruptible>['faults'];
  readonly provisioner: HetznerProvisioner;
  readonly clock: Clock;
  close(): Promise<void>;
}

/** The plugin on a simulated project, without sockets, in fast time. */
export function openTarget({
  settings,
  options = {},
  clock: given,
}: {
  settings?: Record<string, unknown>;
  options?: HetznerChoices;
  clock?: Clock;
} = {}): Opened {
  const clock = given ?? fastClock(300);
  const core = createHetznerCore({ clock, random: systemRandom, options });
  // In fast time a pause of a busy machine would look like a lost answer.
  const chosen = settingsOf({ ...(given === undefined ? { request_timeout_seconds: 600 } : {}), ...settings });
  const deps = depsOf(clock);
  const tampers: Tamper[] = [];
  const wire = interruptible(tampered(inProcessHetzner(core, { clock, latencyMs: 20 }), tampers));
  const project = createProject(wire.transport, chosen, deps);
  const provisioner = openHetzner({ project, deps, settings: chosen });
  return {
    core,
    tampers,
    interruptions: wire.faults,
    provisioner,
    clock,
    async close() {
      await provisioner.close();
      project.close();
      core.close();
    },
  };
}

/** Lets virtual time pass until the call has ended. */
export function played<T>(clock: VirtualClock, call: Promise<T>, stepMs = 100): Promise<T> {
  return playedBy(stepMs, clock, call);
}

const CREATE = 'POST /servers';
const LIST = 'GET /servers';

export function benchOf(
  {
    core,
    provisioner,
    tampers,
    ...opened
  }: Pick<Opened, 'core' | 'provisioner' | 'tampers'> & Partial<Pick<Opened, 'interruptions'>>,
  reach: Pick<Bench, 'cleanup'> & {
    unreachable(): Promise<() => Promise<void>>;
  },
): Bench {
  const { admin, faults, project } = core;
  const next = (call: string, fault: Fault) => async (): Promise<void> => void faults.add({ call, fault });
  const lasting = (fault: Fault) => async (): Promise<() => Promise<void>> => {
    const disarm = faults.add({ call: 'any', times: Number.POSITIVE_INFINITY, fault });
    return async () => disarm();
  };
  const truth = (id: string) => project.servers.get(Number(id));
  return {
    provisioner,
    order: (overrides) => sampleOrder(AGENT, overrides),
    count: async ({ contract }) =>
      [...project.servers.values()].filter(({ labels }) => readStamp(labels, AGENT)?.contract === contract).length,
    keys: async (id) => {
      const address = project.primaryIps.get(truth(id)?.ipv4 ?? 0)?.ip ?? '';
      return (core.guestAt(address)?.authorizedKeys ?? []).filter((key) => key !== NOBODYS_KEY);
    },
    passwordOpens: async (id, password) => truth(id)?.rootPassword === password,
    leftovers: async () => [
      ...[...project.servers.values()].map(({ id }) => `server ${id}`),
      ...[...project.primaryIps.keys()].map((id) => `primary IP ${id}`),
      ...[...project.volumes.keys()].map((id) => `volume ${id}`),
      ...[...project.images.values()].filter(({ type }) => type === 'snapshot').map(({ id }) => `snapshot ${id}`),
    ],
    foreign: {
      add: async (given) => String(admin.addForeign(given)) as ExternalId,
      exists: async (id) => truth(id) !== undefined && truth(id)?.labels[LABEL.agent] === undefined,
    },
    faults: {
      ...opened.interruptions,
      loseCreateAnswer: next(CREATE, { kind: 'drop-after' }),
      loseCreateRequest: next(CREATE, { kind: 'drop-before' }),
      refuseCreate: next(CREATE, { kind: 'error', code: 'invalid_input', message: 'invalid input in user_data' }),
      denyCreate: next(CREATE, { kind: 'error', code: 'server_error', processed: true }),
      ignoreDestroy: async () =>
        void tampers.push({
          before: ({ method, path }) =>
            method === 'DELETE' && path.startsWith('/servers/')
              ? answer(200, { action: { id: 999_999_999, command: 'delete_server', status: 'success', error: null } })
              : undefined,
        }),
      partialList: async () =>
        void tampers.push({
          after: ({ method, path }, { status, headers, body }) =>
            method === 'GET' && path.startsWith('/servers?label_selector')
              ? { status, headers, body: body.replaceAll('"labels"', '"lost_labels"') }
              : undefined,
        }),
      emptyList: next(LIST, { kind: 'list-empty' }),
      unreachable: reach.unreachable,
      failing: lasting({ kind: 'error', code: 'server_error' }),
      silent: lasting({ kind: 'hang-before' }),
      loseMachine: async (id) => admin.lose(Number(id)),
      powerOff: async (id) => admin.powerOff(Number(id)),
      giveIdToStranger: async (id) => admin.setLabels(Number(id), {}),
      duplicate: async (id) => {
        const labels = truth(id)?.labels;
        if (labels === undefined) throw new Error('there is nothing to copy');
        return String(admin.addForeign({ name: `copy-of-${id}`, labels })) as ExternalId;
      },
    },
    cleanup: reach.cleanup,
  };
}
