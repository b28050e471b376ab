import { NOBODYS_KEY } from '../../provisioners/hetzner/keys.ts';
import { LABEL, readStamp } from '../../provisioners/hetzner/labels.ts';
import { createProject } from '../../provisioners/hetzner/project.ts';
import { type HetznerProvisioner, openHetzner } from '../../provisioners/hetzner/provisioner.ts';
import { type HetznerSettings, hetznerSettings } from '../../provisioners/hetzner/schema.ts';
import { createHetznerCore, type HetznerCore } from '../../simulators/hetzner/core.ts';
import type { Fault } from '../../simulators/hetzner/faults.ts';
import { inProcessHetzner } from '../../simulators/hetzner/in-process.ts';
import { SIMULATOR_TOKEN } from '../../simulators/hetzner/options.ts';
import type { Image, Labels, Server } from '../../simulators/hetzner/state.ts';
import type { Clock } from '../../src/ports/clock.ts';
import type { AgentId } from '../../src/ports/ids.ts';
import type { Backend, BackendOptions, Client, SeenMachine } from './backend.ts';
import type { SeededRandom } from './seeded-random.ts';
import { type BackendCall, type BackendTrouble, backendTrouble } from './story.ts';

/** A simulated Hetzner project as the stories' backend; `suspend` is what pausing does. */
export function hetznerBackend(suspend: HetznerSettings['suspend']) {
  return (clock: Clock, random: SeededRandom, options: BackendOptions): Backend =>
    new HetznerStage(clock, random, options, suspend);
}

class HetznerStage implements Backend {
  /** The platform means its own resale by `hetzner`, so no target is found by that. */
  readonly type = 'hcloud';
  readonly cannot = new Set(['keys'] as const);
  readonly #clock: Clock;
  readonly #core: HetznerCore;
  readonly #settings: (offerings: readonly string[]) => HetznerSettings;
  readonly #offerings: string[] = [];
  readonly #listeners = new Set<(machine: SeenMachine) => void>();
  readonly #statuses = new Map<number, Server['status']>();
  /** Who has the id of a machine of ours now. */
  readonly #usurpers = new Map<number, string>();
  readonly #agents = new Set<AgentId>();
  /** What suspended machines became, when somebody last looked. */
  readonly #kept = new Map<number, Image>();
  #chaos: Fault | undefined;
  #strangers = 0;

  constructor(clock: Clock, random: SeededRandom, options: BackendOptions, suspend: HetznerSettings['suspend']) {
    const { createMs, bootMs, maxMachines } = options;
    this.#clock = clock;
    this.#core = createHetznerCore({
      clock,
      random,
      options: {
        timings: {
          createMs,
          bootMs,
          startMs: Math.min(3_000, createMs),
          createFromSnapshotMs: createMs + 10_000,
          imageMs: 8_000,
        },
        // Strangers count too.
        limits: { servers: maxMachines + 20 },
      },
      chaos: (call) => {
        const trouble = options.storm((chance) => backendTrouble(chance, nameOf(call) ?? 'other'));
        this.#chaos = trouble === undefined ? undefined : faultFor(nameOf(call), trouble);
        return this.#chaos;
      },
    });
    this.#core.onChange((server) => this.#changed(server));
    this.#core.onExchange(({ call }) => {
      if (call === 'GET /images') for (const image of this.#snapshots) this.#kept.set(image.id, image);
      if (call === 'DELETE /images/{id}') this.#snapshotsChanged();
    });
    this.#settings = (offerings) =>
      hetznerSettings.parse({
        token: SIMULATOR_TOKEN,
        offerings,
        server_types: ['cx23', 'cpx22'],
        locations: ['fsn1', 'nbg1'],
        image: 'debian-13',
        guest_agent: 'present',
        max_servers: maxMachines,
        suspend,
      });
  }

  open(client: Client): HetznerProvisioner {
    const { deps } = client;
    this.#agents.add(deps.agent);
    const transport = client.gate(this.#transport(client));
    const settings = this.#settings(this.#offerings);
    const project = createProject(transport, settings, deps);
    const release = async (): Promise<void> => project.close();
    return openHetzner({ project, deps, settings, release });
  }

  serve(offering: string): void {
    this.#offerings.push(offering);
  }

  machines(): readonly SeenMachine[] {
    const servers = [...this.#core.project.servers.values()];
    const shown = new Set(servers.map((server) => this.#idOf(server)));
    const asleep = this.#snapshots.filter(({ labels }) => !shown.has(labels[LABEL.first] ?? ''));
    return [...servers.map((server) => this.#seen(server)), ...asleep.map((image) => this.#asleep(image))];
  }

  answersAt(host: string): ReturnType<Backend['answersAt']> {
    const guest = this.#core.guestAt(host);
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
    for (const { id, status } of this.#core.project.servers.values()) {
      if (status === 'running') this.#core.admin.powerOff(id);
    }
  }

  nodeUp(): void {
    this.#core.admin.setReachable(true);
  }

  powerOff(id: string): void {
    const server = this.#server(id);
    if (server !== undefined) this.#core.admin.powerOff(server.id);
  }

  lose(id: string): void {
    const server = this.#server(id);
    if (server !== undefined) this.#core.admin.lose(server.id);
    for (const image of this.#snapshots) {
      if (image.labels[LABEL.first] !== id) continue;
      this.#core.project.images.delete(image.id);
      this.#kept.delete(image.id);
    }
  }

  /** Ids never come back at Hetzner; but somebody can make our server his own. */
  giveIdToStranger(id: string): void {
    const server = this.#server(id);
    if (server === undefined) return;
    this.#usurpers.set(server.id, id);
    server.name = `usurped-${server.id}`;
    server.userData = '';
    this.#core.admin.setLabels(server.id, { owner: 'somebody' });
    this.#core.admin.powerOn(server.id);
  }

  addStranger(): string {
    const name = `dc-0${++this.#strangers}`;
    return String(this.#core.admin.addForeign({ name, labels: { 'dc-contract-id': 'not-one-of-ours' } }));
  }

  get #snapshots(): Image[] {
    return [...this.#core.project.images.values()].filter(
      ({ type, labels, status }) => type === 'snapshot' && status === 'available' && labels[LABEL.first] !== undefined,
    );
  }

  #server(id: string): Server | undefined {
    return [...this.#core.project.servers.values()].find((server) => this.#idOf(server) === id);
  }

  #idOf({ id, labels }: Server): string {
    return this.#usurpers.get(id) ?? labels[LABEL.first] ?? String(id);
  }

  #changed(given: Readonly<Server>): void {
    const server = this.#core.project.servers.get(given.id) ?? given;
    const before = this.#statuses.get(server.id);
    this.#statuses.set(server.id, server.status);
    // A machine that heeds the signal goes off without passing through anything.
    const wentOff = before === 'running' && server.status === 'off';
    const state = wentOff ? 'stopping' : stateOf(server);
    // What is kept as a snapshot is not harmed by the end of its server.
    const kept = this.#snapshots.some(({ labels }) => labels[LABEL.operation] === server.labels[LABEL.operation]);
    const shown = { ...this.#seen(server), state: state === 'deleting' && kept ? 'stopped' : state };
    for (const listener of this.#listeners) listener(shown);
  }

  /** A snapshot that goes while its machine has no server is the end of that machine. */
  #snapshotsChanged(): void {
    for (const [id, image] of this.#kept) {
      if (this.#core.project.images.has(id)) continue;
      this.#kept.delete(id);
      const gone = this.#asleep(image);
      if (this.machines().some((machine) => machine.id === gone.id)) continue;
      for (const listener of this.#listeners) listener({ ...gone, state: 'deleting' });
    }
  }

  #seen(server: Server): SeenMachine {
    const ipv4 = this.#core.project.primaryIps.get(server.ipv4 ?? 0)?.ip;
    const keys = ipv4 === undefined ? [] : (this.#core.guestAt(ipv4)?.authorizedKeys ?? []);
    return this.#machine(this.#idOf(server), server.labels, stateOf(server), ipv4, keys, server.rootPassword);
  }

  #asleep({ labels, contents }: Image): SeenMachine {
    const [id = '', ipv4] = [labels[LABEL.first], labels['dc-agent/ipv4']];
    return this.#machine(id, labels, 'stopped', ipv4, contents?.authorizedKeys ?? [], contents?.rootPassword);
  }

  #machine(
    id: string,
    labels: Labels,
    state: SeenMachine['state'],
    ipv4: string | undefined,
    keys: readonly string[],
    own: string | undefined,
  ): SeenMachine {
    const stamps = [...this.#agents].flatMap((agent) => readStamp(labels, agent) ?? []);
    return {
      id,
      contract: stamps[0]?.contract,
      agent: stamps[0]?.agent,
      state,
      door: ipv4 === undefined ? undefined : `${ipv4}:22`,
      keys: tenants(keys),
      hasPassword: (password) => password === own,
    };
  }

  #takeChaos(): Fault | undefined {
    const taken = this.#chaos;
    this.#chaos = undefined;
    return taken;
  }

  #transport(client: Client): ReturnType<typeof inProcessHetzner> {
    const watched: HetznerCore = {
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
    const send = inProcessHetzner(watched, { clock: this.#clock, latencyMs: client.latencyMs });
    return (request) => {
      if (request.method === 'POST' && request.path === '/servers') {
        const { labels = {} } = JSON.parse(request.body ?? '{}');
        const first = labels[LABEL.first] !== undefined;
        // A machine that comes back from its snapshot is no new one.
        if (!first) client.onCreate(readStamp(labels, client.deps.agent)?.contract ?? '');
      }
      return send(request);
    };
  }
}

function tenants(keys: readonly string[]): readonly string[] {
  return keys.filter((key) => key !== NOBODYS_KEY);
}

function stateOf({ status }: Server): SeenMachine['state'] {
  if (status === 'initializing') return 'creating';
  if (status === 'off') return 'stopped';
  const same = ['starting', 'running', 'stopping', 'deleting'] as const;
  return same.find((state) => state === status) ?? 'failed';
}

const CALLS = {
  create: 'POST /servers',
  list: 'GET /servers',
  get: 'GET /servers/{id}',
  configure: 'GET /actions',
  start: 'POST /servers/{id}/actions/poweron',
  stop: 'POST /servers/{id}/actions/shutdown',
  delete: 'DELETE /servers/{id}',
  inventory: 'GET /server_types',
} as const satisfies Record<BackendCall, string>;

function nameOf(call: string): BackendCall | undefined {
  return (Object.keys(CALLS) as BackendCall[]).find((name) => CALLS[name] === call);
}

/** A story's trouble in the words of this backend; undefined where it knows nothing like it. */
function faultFor(call: BackendCall | undefined, trouble: BackendTrouble): Fault | undefined {
  switch (trouble.kind) {
    case 'no-capacity':
      return { kind: 'error', code: 'resource_unavailable' };
    case 'half-create':
      return { kind: 'fail-action', command: 'create_server' };
    case 'slow-create':
      return { kind: 'slow', command: 'create_server', ms: trouble.ms };
    case 'ignore':
      return { kind: 'fail-action' };
    case 'status':
      if (trouble.status === 429) return { kind: 'rate-limit' };
      return {
        kind: 'error',
        code: trouble.status === 500 ? 'server_error' : 'unavailable',
        ...(trouble.processed ? { processed: true } : {}),
      };
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
