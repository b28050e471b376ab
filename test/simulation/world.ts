import { createPlatformCore, type PlatformCore } from '../../simulators/platform/core.ts';
import type { Fault as PlatformFault } from '../../simulators/platform/faults.ts';
import { inProcessTransport } from '../../simulators/platform/in-process.ts';
import type { Contract, Offering } from '../../simulators/platform/state.ts';
import { cheapCrypto } from '../../simulators/platform/verify.ts';
import type { AgentSettings, TargetDeps } from '../../src/agent/index.ts';
import type { SshProbe, SshTarget } from '../../src/guest/index.ts';
import type { Answer } from '../../src/health/index.ts';
import { defaultPolicy, type PortRange } from '../../src/lifecycle/index.ts';
import type { Clock } from '../../src/ports/clock.ts';
import { type Log, silentLog } from '../../src/ports/log.ts';
import type { Answering, Backend, BackendOptions, Gate, SeenMachine } from './backend.ts';
import { ModelDisk } from './model-disk.ts';
import { modelGateway } from './model-gateway.ts';
import { ModelKernel } from './model-kernel.ts';
import { asWrittenByNext, type Version } from './other-version.ts';
import { AgentProcess } from './process.ts';
import type { StoryRecipe } from './recipes.ts';
import { sandboxBackend } from './sandbox-backend.ts';
import { SeededRandom } from './seeded-random.ts';
import { type PlatformCall, platformFault } from './story.ts';
import { VirtualTime } from './virtual-time.ts';

export interface WorldOptions {
  readonly seed: number;
  readonly log?: Log;
  readonly settings?: Partial<AgentSettings>;
  /** How long the network takes, each way, in ms. */
  readonly latencyMs?: number;
  /** Default: the sandbox. */
  readonly backend?: (clock: VirtualTime, random: SeededRandom, options: BackendOptions) => Backend;
  readonly createMs?: number;
  readonly bootMs?: number;
  readonly maxMachines?: number;
  readonly reuseIds?: boolean;
  readonly snapshotAfter?: number;
  /** Targets beside the backend, of every agent. */
  readonly beside?: readonly TargetDeps[];
  readonly weather?: { readonly platform: number; readonly backend: number };
}

/** A tenant's key; each number gives another. */
export function sshKey(number: number): string {
  const blob = [
    Buffer.from([0, 0, 0, 11]),
    Buffer.from('ssh-ed25519'),
    Buffer.from([0, 0, 0, 32]),
    Buffer.alloc(32, number),
  ];
  return `ssh-ed25519 ${Buffer.concat(blob).toString('base64')}`;
}

export const SSH_KEY = sshKey(7);

const SETTINGS: AgentSettings = {
  version: '0.0.0-simulated',
  endpoint: 'simulated',
  stateDir: '/state',
  workIntervalMs: 3_000,
  reconcileIntervalMs: 30_000,
  healthIntervalMs: 300_000,
  maxConcurrentProvisioning: 4,
  memoryHeadroomMb: 0,
  policy: defaultPolicy,
};

/** What a supervisor does with a process that ended. */
const RESTART_MS = 5_000;

/** One host of the provider: its disk survives the agent's processes. */
export interface Host {
  readonly name: string;
  readonly agentKey: string;
  readonly disk: ModelDisk;
  /** Its kernel's routes; empty where machines need none. */
  readonly kernel: ModelKernel;
  process: AgentProcess | undefined;
  bootedAt: number;
  wallOffset: number;
  /** How the next death is treated: the power goes too, and this long nothing runs. */
  death: { power: boolean; downMs: number } | undefined;
  /** Of the program whose process runs, or ran last. */
  version: Version;
  /** When a knock at a machine was answered, by this host's clock. */
  readonly answered: Set<number>;
  /** Armed for the next process when there is none to arm. */
  readonly index: number;
}

interface Armed<Call, Fault> {
  readonly call: Call;
  skip: number;
  times: number;
  readonly fault: Fault;
}

/** Told of every fault as it strikes: on which host's call, and what the agent there was doing. */
export type OnFault = (host: Host | undefined, fault: string) => void;

/** The platform, a backend and any number of hosts with agents, in one process under one virtual time. */
export class World {
  readonly time = new VirtualTime();
  readonly random: SeededRandom;
  readonly platform: PlatformCore;
  readonly backend: Backend;
  readonly provider: string;
  readonly offering: Offering;
  readonly foreignOffering: Offering;
  readonly hosts: Host[] = [];
  onFault: OnFault = () => {};
  /** Told when an agent asks for a machine, before anything can happen to the request. */
  onCreate: (host: Host, contract: string) => void = () => {};
  /** Told of what a gateway must never do, and after each change of what is open. */
  onRoutes: (problem: string | undefined) => void = () => {};
  /** True while the story itself changes machines, so that nobody blames the agent. */
  intervening = false;
  platformReachable = true;
  /** While set, the platform claims in every reconcile answer that these contracts are cancelled. */
  lies: ((contract: string) => boolean) | undefined;
  liedAt = -Infinity;
  readonly #options: WorldOptions;
  readonly #pool: string;
  readonly #storms: SeededRandom;
  readonly #versions: SeededRandom;
  /** How routes are made in this world; undefined where machines need none. */
  readonly routing: Routing | undefined;
  readonly #recipes = new Map<string, Offering>();
  #weather: { readonly platform: number; readonly backend: number };
  readonly #platformFaults: Armed<PlatformCall, PlatformFault>[] = [];

  constructor(options: WorldOptions) {
    this.#options = options;
    this.random = new SeededRandom(options.seed);
    this.#weather = options.weather ?? { platform: 0, backend: 0 };
    this.#storms = this.random.fork();
    this.#versions = new SeededRandom(options.seed + 0x5eed);
    this.platform = createPlatformCore({
      clock: this.time,
      random: this.random.fork(),
      options: {
        crypto: cheapCrypto,
        settings: { requireVerifiedEmail: false },
        // The real server cannot list resets at present; one that can must be served.
        quirks: { passwordResetListFails: options.seed % 2 === 0 },
      },
    });
    const makeBackend = options.backend ?? sandboxBackend;
    this.backend = makeBackend(this.time, this.random.fork(), {
      createMs: options.createMs ?? 800,
      bootMs: options.bootMs ?? 1_500,
      maxMachines: options.maxMachines ?? 500,
      reuseIds: options.reuseIds ?? false,
      storm: (trouble) => this.#storm('backend', trouble),
    });
    const { admin } = this.platform;
    this.provider = admin.provider();
    this.#pool = admin.pool(this.provider, { location: 'europe', provisionerType: this.backend.type }).id;
    this.routing = this.backend.behindHost ? routingOf(options.seed) : undefined;
    if (this.routing !== undefined) this.#disturbRoutes(this.routing);
    this.offering = admin.offering(this.provider, { provisioner_type: this.backend.type, agent_pool_id: this.#pool });
    this.backend.serve?.(this.offering.offering_id);
    this.foreignOffering = admin.offering(this.provider, { provisioner_type: 'manual', agent_pool_id: this.#pool });
  }

  addHost(name = `host-${this.hosts.length + 1}`): Host {
    const { admin } = this.platform;
    const { key } = admin.keyPair();
    admin.register(admin.token(this.#pool), key);
    const index = this.hosts.length;
    const publicIp = `203.0.113.${10 + index}`;
    const dcId = dcIdOf(index);
    this.platform.state.gateways.set(dcId, { dcId, provider: this.provider, username: '', password: '' });
    const kernel = new ModelKernel({
      publicIp,
      now: () => this.time.monotonic(),
      blame: (text) => this.onRoutes(`${name}: ${text}`),
      onChange: () => this.onRoutes(undefined),
    });
    const host: Host = {
      kernel,
      name,
      index,
      agentKey: key,
      disk: new ModelDisk(),
      process: undefined,
      bootedAt: 0,
      wallOffset: 0,
      death: undefined,
      version: 'this',
      answered: new Set(),
    };
    this.hosts.push(host);
    return host;
  }

  /** Starts the agent of a host whose earlier process is gone. What it does from then on takes virtual time. */
  boot(host: Host): AgentProcess {
    if (host.process !== undefined) throw new Error(`${host.name} is running`);
    const { log = silentLog, settings, snapshotAfter, beside = [] } = this.#options;
    const process = new AgentProcess({
      time: this.time,
      random: this.random.fork(),
      disk: host.disk,
      agentKey: host.agentKey,
      providerPubkey: this.provider,
      platform: this.#platformFor(host),
      backend: this.backend,
      beside,
      client: {
        latencyMs: this.#options.latencyMs ?? 5,
        onFault: (fault) => this.onFault(host, fault),
        onCreate: (contract) => this.onCreate(host, contract),
      },
      ...this.#gatewayOf(host),
      ...(snapshotAfter === undefined ? {} : { snapshotAfter: host.version === 'next' ? 25 : snapshotAfter }),
      probe: (target) => this.#probe(target),
      knock: (at, port) => this.#knock(host, at, port),
      settings: { ...SETTINGS, ...settings, ...(host.version === 'next' ? { version: '0.1.0-simulated' } : {}) },
      log: log.child({ host: host.name }),
      wallOffset: () => host.wallOffset,
      onDeath: () => this.#died(host, process),
    });
    host.process = process;
    host.bootedAt = this.time.monotonic();
    void process.start();
    return process;
  }

  #died(host: Host, process: AgentProcess): void {
    if (host.process !== process) return;
    this.onFault(host, host.death?.power ? 'power-cut' : 'kill');
    host.process = undefined;
    const { power, downMs } = host.death ?? { power: false, downMs: RESTART_MS };
    host.death = undefined;
    if (power) {
      host.kernel.flush();
      host.disk.crash(this.random);
    } else host.disk.release();
    if (host.version === 'next') asWrittenByNext(host.disk);
    this.time.after(downMs, () => {
      if (host.process !== undefined) return;
      this.#changeVersion(host);
      this.boot(host);
    });
  }

  /** Now and then somebody upgrades, or goes back, while the agent is down. */
  #changeVersion(host: Host): void {
    if (!this.#versions.chance(0.3)) return;
    host.version = host.version === 'this' ? 'next' : 'this';
    this.onFault(host, host.version === 'next' ? 'upgrade' : 'downgrade');
  }

  /** Arms a fault for calls to the platform by whatever host. */
  addPlatformFault(call: PlatformCall, fault: PlatformFault, skip: number, times: number): void {
    this.#platformFaults.push({ call, fault, skip, times });
  }

  clearFaults(): void {
    this.#weather = { platform: 0, backend: 0 };
    if (this.routing !== undefined) this.routing.weather = 0;
    this.#platformFaults.length = 0;
    this.platform.faults.clear();
    this.backend.clearTroubles();
    this.platformReachable = true;
    this.lies = undefined;
    this.backend.setReachable(true);
    for (const host of this.hosts) {
      host.wallOffset = 0;
      host.disk.failure = undefined;
      if (host.process !== undefined) host.process.killAt = undefined;
    }
  }

  rent(order: { hours?: number; sshKey?: string; offering?: Offering } = {}): Contract {
    return this.platform.admin.rent({ offering: this.offering, sshKey: SSH_KEY, hours: 24, ...order });
  }

  /** One more thing that the pool sells. */
  offer(provisionerType: string): Offering {
    return this.platform.admin.offering(this.provider, {
      provisioner_type: provisionerType,
      agent_pool_id: this.#pool,
    });
  }

  /** An offering of ours with a recipe. */
  offeringWith(recipe: StoryRecipe): Offering {
    const known = this.#recipes.get(recipe.name);
    // A platform that went back to an older day may not have it any more.
    if (known !== undefined && this.platform.state.offerings.has(known.id)) return known;
    const made = this.platform.admin.offering(this.provider, {
      provisioner_type: this.backend.type,
      agent_pool_id: this.#pool,
      post_provision_script: recipe.script,
      provisioner_config: JSON.stringify(recipe.settings),
    });
    this.#recipes.set(recipe.name, made);
    return made;
  }

  /** The machines that carry a contract's stamp, in whatever state. */
  machinesOf(contract: string): string[] {
    return this.backend
      .machines()
      .filter((machine) => machine.contract === contract)
      .map((machine) => machine.id);
  }

  machine(id: string): SeenMachine | undefined {
    return this.backend.machines().find((machine) => machine.id === id);
  }

  isAnswering(machine: SeenMachine | undefined): boolean {
    const [host = '', port = '0'] = machine?.door?.split(':') ?? [];
    return this.backend.answersAt(host, Number(port))?.ready === true;
  }

  /** The contract of the machine behind `address:port`, whether it runs or not. */
  ownerOf(door: string): string | undefined {
    return this.backend.machines().find((machine) => machine.door === door)?.contract;
  }

  run(ms: number, until?: () => boolean): Promise<void> {
    return this.time.advance(ms, until);
  }

  #platformFor(host: Host): ReturnType<typeof inProcessTransport> {
    const { latencyMs = 5 } = this.#options;
    const core: PlatformCore = {
      ...this.platform,
      admit: (request) => {
        const fault = this.platformReachable ? this.#platformFault(callOf(request.method, request.path)) : OUTAGE;
        if (fault !== undefined) {
          this.onFault(host, `platform:${fault.kind}`);
          this.platform.faults.add({ route: '*', fault });
        } else if (this.lies !== undefined && request.path.endsWith('/reconcile')) {
          this.onFault(host, 'platform:lie');
          this.liedAt = this.time.monotonic();
          return lying(this.platform.admit(request), this.lies);
        }
        return this.platform.admit(request);
      },
    };
    return inProcessTransport(core, { clock: this.time, latencyMs, peer: host.name });
  }

  #storm<Fault>(where: 'platform' | 'backend', fault: (random: SeededRandom) => Fault): Fault | undefined {
    return this.#storms.chance(this.#weather[where]) ? fault(this.#storms) : undefined;
  }

  #platformFault(call: PlatformCall | undefined): PlatformFault | undefined {
    const armed = this.#platformFaults.find((one) => one.call === call && one.skip-- <= 0);
    if (armed === undefined) return this.#storm('platform', (random) => platformFault(random, call));
    if (--armed.times <= 0) this.#platformFaults.splice(this.#platformFaults.indexOf(armed), 1);
    return armed.fault;
  }

  #gatewayOf(host: Host): Pick<ConstructorParameters<typeof AgentProcess>[0], 'gateway'> {
    const { routing } = this;
    if (routing === undefined) return {};
    const { policy, range, dns } = routing;
    const dcId = dcIdOf(host.index);
    const port = (gate: Gate, clock: Clock) =>
      modelGateway({
        kernel: host.kernel,
        clock,
        gate,
        random: routing.random,
        weather: () => routing.weather,
        onFault: (fault) => this.onFault(host, fault),
        zone: dns === 'none' ? undefined : `${dcId}.gw.decent-cloud.org`,
        answers: (door) => {
          const [where = '', number = '0'] = door.split(':');
          return this.backend.answersAt(where, Number(number))?.ready === true ? this.ownerOf(door) : undefined;
        },
      });
    return {
      gateway: (gate, clock) => ({
        port: port(gate, clock),
        policy,
        range,
        dns,
        dcId,
        allowanceAction: 'notify',
        serves: () => true,
      }),
    };
  }

  /** Now and then somebody flushes a host's table, or takes a route out by hand. */
  #disturbRoutes(routing: Routing): void {
    const { random } = routing;
    this.time.after(20_000 + random.below(300_000), () => {
      const host = this.hosts[random.below(this.hosts.length)];
      if (routing.weather > 0 && host !== undefined) {
        this.onFault(host, 'gateway:flush');
        if (random.chance(0.5)) host.kernel.flush();
        else host.kernel.lose(random.below(100));
      }
      this.#disturbRoutes(routing);
    });
  }

  #knock(host: Host, address: string, doorPort: number): Answer {
    const answer = this.#behind(address, doorPort);
    if (answer === undefined || !answer.ready) return { state: 'silent' };
    host.answered.add(Math.trunc(this.time.now() + host.wallOffset));
    return { state: 'answers', hostKey: answer.hostKey, latencyMs: 1 };
  }

  /** What answers at an address, which may be a host's own, with ports that lead elsewhere. */
  #behind(address: string, doorPort: number): Answering | undefined {
    const kernel = this.hosts.find((one) => one.kernel.publicIp === address)?.kernel;
    const door = kernel === undefined ? `${address}:${doorPort}` : kernel.leadsTo(doorPort);
    const [host = '', port = 0] = door?.split(':') ?? [];
    return this.backend.answersAt(host, Number(port));
  }

  #probe({ host, port, sshKey, expectHostKey }: SshTarget): SshProbe {
    const answer = this.#behind(host, port);
    if (answer === undefined || !answer.ready) return { state: 'not-yet', why: 'connection refused' };
    const { hostKey } = answer;
    if (expectHostKey !== undefined && expectHostKey !== hostKey) return { state: 'wrong-host-key', hostKey };
    const accepted = answer.keys.some((one) => one.trim().startsWith(sshKey));
    return accepted ? { state: 'ready', hostKey, latencyMs: 1 } : { state: 'key-refused', hostKey };
  }
}

/** How routes are made in a world, and how likely a call of a gateway meets trouble. */
export interface Routing {
  readonly random: SeededRandom;
  readonly policy: 'required' | 'best-effort';
  readonly dns: 'platform' | 'wildcard' | 'none';
  readonly range: PortRange;
  weather: number;
}

/** From a chance of its own, so that a seed tells the same story wherever it is played. */
function routingOf(seed: number): Routing {
  const random = new SeededRandom(seed + 0x6a7e);
  const perMachine = random.pick([10, 5, 1]);
  const blocks = random.pick([2, 8, 60]);
  return {
    random,
    policy: random.chance(0.75) ? 'required' : 'best-effort',
    dns: random.pick(['platform', 'platform', 'wildcard', 'none'] as const),
    range: { first: 20_000, last: 20_000 + perMachine * blocks - 1, perMachine },
    weather: random.pick([0, 0.02, 0.1, 0.3]),
  };
}

export function dcIdOf(host: number): string {
  return `dc-${host + 1}`;
}

const OUTAGE: PlatformFault = { kind: 'drop-before' };

/** Which of the agent's calls this is. */
export function callOf(method: string, path: string): PlatformCall | undefined {
  if (path.endsWith('/heartbeat')) return 'heartbeat';
  if (path.endsWith('/pending-provision')) return 'work-list';
  if (path.endsWith('/lock')) return method === 'DELETE' ? 'unlock' : 'lock';
  if (path.endsWith('/provisioning')) return 'report';
  if (path.endsWith('/terminated')) return 'terminated';
  if (path.endsWith('/reconcile')) return 'reconcile';
  if (path.endsWith('/health')) return 'health';
  return path.includes('/password') ? 'credential' : undefined;
}

type Admission = ReturnType<PlatformCore['admit']>;

/** The answer of a platform that has lost its mind: what it should keep is to be ended. */
function lying(admission: Admission, about: (contract: string) => boolean): Admission {
  return {
    ...admission,
    process() {
      const outcome = admission.process();
      const envelope = JSON.parse(outcome.response.body);
      const { keep, terminate } = envelope.data;
      const doomed = keep.filter((one: { contractId: string }) => about(one.contractId));
      envelope.data.keep = keep.filter((one: { contractId: string }) => !about(one.contractId));
      envelope.data.terminate = [
        ...terminate,
        ...doomed.map((one: { externalId: string; contractId: string }) => ({
          externalId: one.externalId,
          contractId: one.contractId,
          reason: 'cancelled',
        })),
      ];
      return { ...outcome, response: { ...outcome.response, body: JSON.stringify(envelope) } };
    },
  };
}
