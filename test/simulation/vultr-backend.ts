import { createAccount } from '../../provisioners/vultr/account.ts';
import { createBudget } from '../../provisioners/vultr/budget.ts';
import { openVultr, type VultrProvisioner } from '../../provisioners/vultr/provisioner.ts';
import { type VultrSettings, vultrSettings } from '../../provisioners/vultr/schema.ts';
import { readStamp } from '../../provisioners/vultr/tags.ts';
import { createVultrCore, type VultrCore } from '../../simulators/vultr/core.ts';
import type { Fault } from '../../simulators/vultr/faults.ts';
import { inProcessVultr } from '../../simulators/vultr/in-process.ts';
import { SIMULATOR_KEY } from '../../simulators/vultr/options.ts';
import type { Instance } from '../../simulators/vultr/state.ts';
import type { Clock } from '../../src/ports/clock.ts';
import type { AgentId } from '../../src/ports/ids.ts';
import type { Backend, BackendOptions, Client, SeenMachine } from './backend.ts';
import type { SeededRandom } from './seeded-random.ts';
import { type BackendCall, type BackendTrouble, backendTrouble } from './story.ts';

/** A simulated Vultr account as the stories' backend. */
export function vultrBackend(clock: Clock, random: SeededRandom, options: BackendOptions): Backend {
  return new VultrStage(clock, random, options);
}

class VultrStage implements Backend {
  /** The platform means its own resale by `vultr`, so no target is found by that. */
  readonly type = 'vps';
  readonly cannot = new Set(['keys', 'passwords'] as const);
  readonly #clock: Clock;
  readonly #core: VultrCore;
  readonly #offerings: string[] = [];
  readonly #maxMachines: number;
  readonly #listeners = new Set<(machine: SeenMachine) => void>();
  readonly #states = new Map<string, SeenMachine['state']>();
  readonly #agents = new Set<AgentId>();
  #chaos: Fault | undefined;
  #strangers = 0;

  constructor(clock: Clock, random: SeededRandom, { createMs, bootMs, maxMachines, storm }: BackendOptions) {
    this.#clock = clock;
    this.#maxMachines = maxMachines;
    this.#core = createVultrCore({
      clock,
      random,
      options: {
        timings: { activateMs: createMs, bootMs },
        // Strangers count too.
        maxInstances: maxMachines + 20,
      },
      chaos: (call) => {
        const trouble = storm((chance) => backendTrouble(chance, nameOf(call) ?? 'other'));
        this.#chaos = trouble === undefined ? undefined : faultFor(nameOf(call), trouble);
        return this.#chaos;
      },
    });
    this.#core.onChange((instance) => this.#changed(instance));
  }

  open(client: Client): VultrProvisioner {
    const { deps } = client;
    this.#agents.add(deps.agent);
    const settings = this.#settings();
    const { clock, random } = deps;
    const budget = createBudget({ clock, random, perSecond: settings.requests_per_second });
    const account = createAccount({ transport: client.gate(this.#transport(client)), budget }, settings, deps);
    return openVultr({ account, deps, settings });
  }

  serve(offering: string): void {
    this.#offerings.push(offering);
  }

  machines(): readonly SeenMachine[] {
    return [...this.#core.account.instances.values()].map((instance) => this.#seen(instance));
  }

  answersAt(host: string): ReturnType<Backend['answersAt']> {
    const guest = this.#core.guestAt(host);
    if (guest === undefined) return undefined;
    return { ready: guest.ready, hostKey: guest.hostKeyFingerprint, keys: guest.authorizedKeys };
  }

  onChange(listener: (machine: SeenMachine) => void): void {
    this.#listeners.add(listener);
  }

  addTrouble(call: BackendCall, trouble: BackendTrouble, skip: number, times: number): void {
    const fault = faultFor(call, trouble);
    if (fault !== undefined) this.#core.faults.add({ call: CALLS[call], fault, skip, times });
  }

  clearTroubles(): void {
    this.#core.faults.clear();
  }

  setReachable(reachable: boolean): void {
    this.#core.admin.setReachable(reachable);
  }

  nodeDown(): void {
    this.#core.admin.setReachable(false);
    for (const { id, power, status } of this.#core.account.instances.values()) {
      if (status === 'active' && power === 'running') this.#core.admin.powerOff(id);
    }
  }

  nodeUp(): void {
    this.#core.admin.setReachable(true);
  }

  powerOff(id: string): void {
    if (this.#core.account.instances.has(id)) this.#core.admin.powerOff(id);
  }

  lose(id: string): void {
    if (this.#core.account.instances.has(id)) this.#core.admin.lose(id);
  }

  /** Ids never come back at Vultr; but somebody can make our instance his own. */
  giveIdToStranger(id: string): void {
    const instance = this.#core.account.instances.get(id);
    if (instance === undefined) return;
    instance.label = `usurped-${id}`;
    instance.userData = '';
    this.#core.admin.setTags(id, ['somebodys']);
    // From now on it runs, as strangers' machines do, also where it never came up for us.
    instance.boots = true;
    this.#core.admin.powerOn(id);
  }

  addStranger(): string {
    return this.#core.admin.addForeign({ label: `dc-0${++this.#strangers}`, tags: ['dc-not-one-of-ours'] });
  }

  #settings(): VultrSettings {
    return vultrSettings.parse({
      api_key: SIMULATOR_KEY,
      offerings: this.#offerings,
      plans: ['vc2-2c-4gb', 'vc2-4c-8gb'],
      regions: ['ams', 'fra'],
      image: 'os:2136',
      max_instances: this.#maxMachines,
    });
  }

  #changed(instance: Readonly<Instance>): void {
    const before = this.#states.get(instance.id);
    const state = this.#core.account.instances.has(instance.id) ? stateOf(instance) : 'deleting';
    this.#states.set(instance.id, state);
    // A machine goes off without passing through anything.
    const wentOff = before === 'running' && state === 'stopped';
    const shown = { ...this.#seen(instance), state: wentOff ? ('stopping' as const) : state };
    for (const listener of this.#listeners) listener(shown);
  }

  #seen(instance: Readonly<Instance>): SeenMachine {
    const { id, ipv4, tags } = instance;
    const stamps = [...this.#agents].flatMap((agent) => readStamp({ tags }, agent) ?? []);
    const guest = ipv4 === undefined ? undefined : this.#core.guestAt(ipv4);
    return {
      id,
      contract: stamps[0]?.contract,
      agent: stamps[0]?.agent,
      state: stateOf(instance),
      door: ipv4 === undefined ? undefined : `${ipv4}:22`,
      keys: guest?.authorizedKeys ?? [],
      // Nobody is told the one that Vultr makes, and the machine takes none.
      hasPassword: (password) => password === undefined,
    };
  }

  #takeChaos(): Fault | undefined {
    const taken = this.#chaos;
    this.#chaos = undefined;
    return taken;
  }

  #transport(client: Client): ReturnType<typeof inProcessVultr> {
    const watched: VultrCore = {
      ...this.#core,
      handle: (request) => {
        const armed = this.#core.faults.pending;
        const answer = this.#core.handle(request);
        const chaos = this.#takeChaos();
        const struck = this.#core.faults.pending < armed || chaos !== undefined || answer.delivery !== 'answer';
        if (struck) client.onFault(`backend:${chaos?.kind ?? answer.delivery}`);
        return answer;
      },
    };
    const send = inProcessVultr(watched, { clock: this.#clock, latencyMs: client.latencyMs });
    return (request) => {
      if (request.method === 'POST' && request.path === '/instances') {
        const { tags = [] }: { tags?: readonly string[] } = JSON.parse(request.body ?? '{}');
        client.onCreate(readStamp({ tags }, client.deps.agent)?.contract ?? '');
      }
      return send(request);
    };
  }
}

function stateOf({ status, server, power, deleting }: Readonly<Instance>): SeenMachine['state'] {
  if (deleting) return 'deleting';
  if (status === 'pending' || server !== 'ok') return 'creating';
  return power === 'running' ? 'running' : 'stopped';
}

const CALLS = {
  create: 'POST /instances',
  list: 'GET /instances',
  get: 'GET /instances/{id}',
  configure: 'GET /regions/{id}/availability',
  start: 'POST /instances/{id}/start',
  stop: 'POST /instances/{id}/halt',
  delete: 'DELETE /instances/{id}',
  inventory: 'GET /plans',
} as const satisfies Record<BackendCall, string>;

function nameOf(call: string): BackendCall | undefined {
  return (Object.keys(CALLS) as BackendCall[]).find((name) => CALLS[name] === call);
}

/** A story's trouble in the words of this backend; undefined where it knows nothing like it. */
function faultFor(call: BackendCall | undefined, trouble: BackendTrouble): Fault | undefined {
  switch (trouble.kind) {
    case 'no-capacity':
      return { kind: 'error', status: 400, message: 'Server add failed: The plan is not available in this region.' };
    case 'half-create':
      return { kind: 'stays-off' };
    case 'slow-create':
      return { kind: 'slow', ms: trouble.ms };
    case 'ignore':
      return { kind: 'accept' };
    case 'status':
      if (trouble.status === 429) return { kind: 'rate-limit' };
      return { kind: 'error', status: trouble.status, ...(trouble.processed ? { processed: true } : {}) };
    case 'list-partial':
      return { kind: 'html-502' };
    case 'list-empty':
      return call === 'list' ? { kind: 'list-empty' } : undefined;
    case 'list-stale':
      return call === 'list' ? { kind: 'list-stale' } : undefined;
    case 'flap':
      return undefined;
    case 'delay':
      return trouble;
    default:
      return { kind: trouble.kind };
  }
}
