import { createAccess } from '../../provisioners/digitalocean/access.ts';
import { NOBODYS_KEY } from '../../provisioners/digitalocean/keys.ts';
import { type DigitalOceanProvisioner, openDigitalOcean } from '../../provisioners/digitalocean/provisioner.ts';
import { digitaloceanSettings } from '../../provisioners/digitalocean/schema.ts';
import { isBare, readStamp } from '../../provisioners/digitalocean/tags.ts';
import { inProcess } from '../../simulators/cloud/in-process.ts';
import { createDoCore, type DoCore } from '../../simulators/digitalocean/core.ts';
import type { Fault } from '../../simulators/digitalocean/faults.ts';
import { SIMULATOR_TOKEN } from '../../simulators/digitalocean/options.ts';
import type { Droplet, DropletStatus } from '../../simulators/digitalocean/state.ts';
import type { Clock } from '../../src/ports/clock.ts';
import type { AgentId, OwnerStamp } from '../../src/provisioner/index.ts';
import type { Backend, BackendOptions, Client, SeenMachine } from './backend.ts';
import type { SeededRandom } from './seeded-random.ts';
import { type BackendCall, type BackendTrouble, backendTrouble } from './story.ts';

/** A simulated DigitalOcean account as the stories' backend: names are not unique there, and tags come late. */
export function digitalOceanBackend(clock: Clock, random: SeededRandom, options: BackendOptions): Backend {
  return new DigitalOceanStage(clock, random, options);
}

class DigitalOceanStage implements Backend {
  readonly type = 'digitalocean';
  readonly cannot = new Set(['keys', 'passwords'] as const);
  readonly #clock: Clock;
  readonly #core: DoCore;
  readonly #maxMachines: number;
  readonly #listeners = new Set<(machine: SeenMachine) => void>();
  readonly #statuses = new Map<number, DropletStatus>();
  readonly #agents = new Set<AgentId>();
  /** Droplets that somebody made his own. */
  readonly #usurped = new Set<number>();
  #chaos: Fault | undefined;
  #strangers = 0;

  constructor(clock: Clock, random: SeededRandom, { createMs, bootMs, maxMachines, storm }: BackendOptions) {
    this.#clock = clock;
    this.#maxMachines = maxMachines;
    this.#core = createDoCore({
      clock,
      random,
      options: {
        timings: { createMs, bootMs },
        // Strangers count too.
        dropletLimit: maxMachines + 20,
      },
      chaos: (call) => {
        const trouble = storm((chance) => backendTrouble(chance, nameOf(call) ?? 'other'));
        this.#chaos = trouble === undefined ? undefined : faultFor(nameOf(call), trouble);
        return this.#chaos;
      },
    });
    this.#core.onChange((droplet) => this.#changed(droplet));
  }

  open(client: Client): DigitalOceanProvisioner {
    const { deps } = client;
    this.#agents.add(deps.agent);
    const settings = digitaloceanSettings.parse({
      api_token: SIMULATOR_TOKEN,
      sizes: ['s-2vcpu-4gb'],
      regions: ['fra1'],
      max_droplets: this.#maxMachines,
    });
    const access = createAccess(client.gate(this.#transport(client)), settings, deps);
    return openDigitalOcean({ access, deps, settings, release: async () => access.close() });
  }

  machines(): readonly SeenMachine[] {
    return [...this.#core.account.droplets.values()].map((droplet) => this.#seen(droplet));
  }

  answersAt(host: string): ReturnType<Backend['answersAt']> {
    const guest = this.#core.guests().find(({ address }) => address === host);
    if (guest === undefined) return undefined;
    return { ready: guest.ready, hostKey: guest.hostKeyFingerprint, keys: tenants(guest.authorizedKeys) };
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
    for (const { id, status } of this.#core.account.droplets.values()) {
      if (status === 'active') this.#core.admin.powerOff(id);
    }
  }

  nodeUp(): void {
    this.#core.admin.setReachable(true);
  }

  powerOff(id: string): void {
    if (this.#core.account.droplets.has(Number(id))) this.#core.admin.powerOff(Number(id));
  }

  lose(id: string): void {
    if (this.#core.account.droplets.has(Number(id))) this.#core.admin.lose(Number(id));
  }

  /** Ids never come back at DigitalOcean; but somebody can make our droplet his own. */
  giveIdToStranger(id: string): void {
    const droplet = this.#core.account.droplets.get(Number(id));
    if (droplet === undefined) return;
    this.#usurped.add(droplet.id);
    droplet.name = `usurped-${id}`;
    this.#core.admin.setTags(droplet.id, ['owner:somebody']);
    // From now on it runs, as strangers' machines do, also where it was off or never came up for us.
    droplet.guest.boots = true;
    this.#core.admin.powerOn(droplet.id);
  }

  addStranger(): string {
    const name = `dc-0${++this.#strangers}`;
    return String(this.#core.admin.addForeign({ name, tags: ['dc-contract-not-one-of-ours'] }));
  }

  #changed(droplet: Readonly<Droplet>): void {
    const before = this.#statuses.get(droplet.id);
    this.#statuses.set(droplet.id, droplet.status);
    // A machine that heeds the request goes off without passing through anything.
    const wentOff = before === 'active' && droplet.status === 'off';
    const seen = this.#seen(droplet);
    for (const listener of this.#listeners) listener(wentOff ? { ...seen, state: 'stopping' } : seen);
  }

  #seen(droplet: Readonly<Droplet>): SeenMachine {
    const { id, ipv4 } = droplet;
    const stamp = this.#stampOf(droplet);
    const guest = this.#core.guests().find(({ address }) => address === ipv4);
    return {
      id: String(id),
      contract: stamp?.contract,
      agent: stamp?.agent,
      state: stateOf(droplet),
      door: ipv4 === undefined ? undefined : `${ipv4}:22`,
      keys: this.#usurped.has(id) ? [] : tenants(guest?.authorizedKeys ?? []),
      hasPassword: (password) => password === undefined,
    };
  }

  /** Also of one whose tags have not been put on as yet. */
  #stampOf({ id, tags, ordered }: Readonly<Droplet>): OwnerStamp | undefined {
    const marks = isBare(tags) && !this.#usurped.has(id) ? ordered : tags;
    return [...this.#agents].flatMap((agent) => readStamp(marks, agent) ?? [])[0];
  }

  #takeChaos(): Fault | undefined {
    const taken = this.#chaos;
    this.#chaos = undefined;
    return taken;
  }

  #transport(client: Client): ReturnType<typeof inProcess> {
    const handle: DoCore['handle'] = (request) => {
      const armed = this.#core.faults.pending;
      const answer = this.#core.handle(request);
      const chaos = this.#takeChaos();
      const struck = this.#core.faults.pending < armed || chaos !== undefined || answer.delivery !== 'answer';
      if (struck) client.onFault(`backend:${chaos?.kind ?? answer.delivery}`);
      return answer;
    };
    const send = inProcess({ handle }, { clock: this.#clock, prefix: '/v2', latencyMs: client.latencyMs });
    return (request) => {
      if (request.method === 'POST' && request.path === '/droplets') {
        const { tags = [] } = JSON.parse(request.body ?? '{}') as { tags?: string[] };
        client.onCreate(readStamp(tags, client.deps.agent)?.contract ?? '');
      }
      return send(request);
    };
  }
}

function tenants(keys: readonly string[]): readonly string[] {
  return keys.filter((key) => key !== NOBODYS_KEY);
}

function stateOf({ status, ending, pending }: Readonly<Droplet>): SeenMachine['state'] {
  if (ending === 'yes') return 'deleting';
  if (status === 'new') return 'creating';
  if (status === 'off') return pending === undefined ? 'stopped' : 'starting';
  return status === 'active' ? 'running' : 'failed';
}

const CALLS = {
  create: 'POST /droplets',
  list: 'GET /droplets',
  get: 'GET /droplets/{id}',
  configure: 'GET /actions/{id}',
  start: 'POST /droplets/{id}/actions',
  stop: 'POST /droplets/{id}/actions',
  delete: 'DELETE /droplets/{id}',
  inventory: 'GET /sizes',
} as const satisfies Record<BackendCall, string>;

function nameOf(call: string): BackendCall | undefined {
  return (Object.keys(CALLS) as BackendCall[]).find((name) => CALLS[name] === call);
}

/** A story's trouble in the words of this backend; undefined where it knows nothing like it. */
function faultFor(call: BackendCall | undefined, trouble: BackendTrouble): Fault | undefined {
  switch (trouble.kind) {
    case 'no-capacity':
      return { kind: 'error', id: 'unprocessable_entity', message: 'Size is not available in this region.' };
    case 'half-create':
    case 'ignore':
      return { kind: 'fail-action' };
    case 'slow-create':
      return { kind: 'slow', ms: trouble.ms };
    case 'status':
      if (trouble.status === 429) return { kind: 'rate-limit' };
      return {
        kind: 'error',
        id: trouble.status === 500 ? 'server_error' : 'service_unavailable',
        ...(trouble.processed ? { processed: true } : {}),
      };
    case 'list-partial':
      return { kind: 'html-502' };
    case 'list-empty':
    case 'list-stale':
      return call === 'list' ? { kind: trouble.kind } : undefined;
    case 'flap':
      return undefined;
    case 'delay':
      return trouble;
    default:
      return { kind: trouble.kind };
  }
}
