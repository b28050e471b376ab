import { createPlatformCore, type PlatformCore } from '../../simulators/platform/core.ts';
import { inProcessTransport } from '../../simulators/platform/in-process.ts';
import type { Contract, Offering } from '../../simulators/platform/state.ts';
import { cheapCrypto } from '../../simulators/platform/verify.ts';
import { createSandboxCore, type SandboxCore } from '../../simulators/sandbox/core.ts';
import { inProcessSandbox } from '../../simulators/sandbox/in-process.ts';
import type { AgentSettings } from '../../src/agent/index.ts';
import type { SshProbe } from '../../src/guest/index.ts';
import { defaultPolicy } from '../../src/lifecycle/index.ts';
import { type Log, silentLog } from '../../src/ports/log.ts';
import { ModelDisk } from './model-disk.ts';
import { AgentProcess } from './process.ts';
import { SeededRandom } from './seeded-random.ts';
import { VirtualTime } from './virtual-time.ts';

export interface WorldOptions {
  readonly seed: number;
  readonly log?: Log;
  readonly settings?: Partial<AgentSettings>;
  /** How long the network takes, each way, in ms. */
  readonly latencyMs?: number;
  readonly createMs?: number;
  readonly bootMs?: number;
}

const SSH_KEY = `ssh-ed25519 ${Buffer.concat([Buffer.from([0, 0, 0, 11]), Buffer.from('ssh-ed25519'), Buffer.from([0, 0, 0, 32]), Buffer.alloc(32, 7)]).toString('base64')}`;

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

/** One host of the provider: its disk survives the agent's processes. */
export interface Host {
  readonly name: string;
  readonly agentKey: string;
  readonly disk: ModelDisk;
  process: AgentProcess | undefined;
  wallOffset: number;
}

/** The platform, a backend and any number of hosts with agents, in one process under one virtual time. */
export class World {
  readonly time = new VirtualTime();
  readonly random: SeededRandom;
  readonly platform: PlatformCore;
  readonly sandbox: SandboxCore;
  readonly provider: string;
  readonly offering: Offering;
  readonly hosts: Host[] = [];
  readonly #options: WorldOptions;
  readonly #pool: string;

  constructor(options: WorldOptions) {
    this.#options = options;
    this.random = new SeededRandom(options.seed);
    this.platform = createPlatformCore({ clock: this.time, random: this.random.fork(), crypto: cheapCrypto, settings: { requireVerifiedEmail: false } });
    this.sandbox = createSandboxCore({
      clock: this.time,
      random: this.random.fork(),
      options: { createMs: options.createMs ?? 800, bootMs: options.bootMs ?? 1_500 },
    });
    const { admin } = this.platform;
    this.provider = admin.provider();
    this.#pool = admin.pool(this.provider, { location: 'europe', provisionerType: 'sandbox' }).id;
    this.offering = admin.offering(this.provider, { provisioner_type: 'sandbox', agent_pool_id: this.#pool });
  }

  addHost(name = `host-${this.hosts.length + 1}`): Host {
    const { admin } = this.platform;
    const { key } = admin.keyPair();
    admin.register(admin.token(this.#pool), key);
    const host: Host = { name, agentKey: key, disk: new ModelDisk(), process: undefined, wallOffset: 0 };
    this.hosts.push(host);
    return host;
  }

  /** Starts the agent of a host whose earlier process is gone. */
  async boot(host: Host): Promise<AgentProcess> {
    const { latencyMs = 5, log = silentLog, settings } = this.#options;
    const process = new AgentProcess({
      time: this.time,
      random: this.random.fork(),
      disk: host.disk,
      agentKey: host.agentKey,
      providerPubkey: this.provider,
      platform: inProcessTransport(this.platform, { clock: this.time, latencyMs }),
      sandbox: inProcessSandbox(this.sandbox, { clock: this.time, latencyMs }),
      probe: (_host, port, key) => this.#probe(port, key),
      settings: { ...SETTINGS, ...settings },
      log,
      wallOffset: () => host.wallOffset,
    });
    host.process = process;
    // The ledger is read through gated ports, whose promises need no time to pass.
    await process.start();
    return process;
  }

  /** The power goes out on a host. */
  crash(host: Host): void {
    host.process?.kill();
    host.process = undefined;
    host.disk.crash(this.random);
  }

  rent(order: { hours?: number; sshKey?: string } = {}): Contract {
    return this.platform.admin.rent({ offering: this.offering, sshKey: SSH_KEY, hours: 24, ...order });
  }

  /** The machines that carry a contract's stamp, in whatever state. */
  machinesOf(contract: string): string[] {
    return [...this.sandbox.machines.values()]
      .filter((machine) => Object.values(machine.labels).includes(contract))
      .map((machine) => machine.id);
  }

  run(ms: number, until?: () => boolean): Promise<void> {
    return this.time.advance(ms, until);
  }

  #probe(port: number, key: string): SshProbe {
    const answer = this.sandbox.sshAt(port);
    if (answer === undefined || !answer.ready) return { state: 'not-yet', why: 'connection refused' };
    const hostKey = answer.hostKeyFingerprint;
    const accepted = answer.machine.authorizedKeys.some((one) => one.trim().startsWith(key));
    return accepted ? { state: 'ready', hostKey, latencyMs: 1 } : { state: 'key-refused', hostKey };
  }
}
