import { createHash } from 'node:crypto';
import { cheapSignature } from '../../simulators/platform/verify.ts';
import { Agent, type AgentDeps, type AgentSettings, DrainSwitch, type TargetDeps } from '../../src/agent/index.ts';
import type { Guest, SshProbe, SshTarget } from '../../src/guest/index.ts';
import { type Answer, UptimeLog } from '../../src/health/index.ts';
import { trySealCredentials } from '../../src/identity/credentials.ts';
import { type Ledger, openLedger } from '../../src/ledger/index.ts';
import { createBudget } from '../../src/platform/budget.ts';
import { createPlatformClient } from '../../src/platform/client.ts';
import type { Transport } from '../../src/platform/transport.ts';
import type { Clock } from '../../src/ports/clock.ts';
import type { Disk } from '../../src/ports/disk.ts';
import type { AgentId, TargetName } from '../../src/ports/ids.ts';
import type { Log } from '../../src/ports/log.ts';
import type { Backend, Client, Gate } from './backend.ts';
import { simulatedGuest } from './guest.ts';
import type { ModelDisk } from './model-disk.ts';
import type { SeededRandom } from './seeded-random.ts';
import type { VirtualTime } from './virtual-time.ts';

export interface ProcessOptions {
  readonly time: VirtualTime;
  readonly random: SeededRandom;
  readonly disk: ModelDisk;
  readonly agentKey: string;
  readonly providerPubkey: string;
  readonly platform: Transport;
  readonly backend: Backend;
  readonly client: Pick<Client, 'latencyMs' | 'onFault' | 'onCreate'>;
  /** How this host makes routes, on calls that die with the process. */
  readonly gateway?: (gate: Gate, clock: Clock) => NonNullable<AgentDeps['gateway']>;
  readonly probe: (target: SshTarget) => SshProbe;
  readonly knock: (host: string, port: number) => Answer;
  readonly settings: AgentSettings;
  readonly log: Log;
  readonly snapshotAfter?: number;
  /** Targets beside the backend's, configured after it. */
  readonly beside?: readonly TargetDeps[];
  /** Called when the process has died, by whatever cause. */
  readonly onDeath: () => void;
  /** ms by which this host's wall clock differs from the world's. */
  readonly wallOffset: () => number;
}

export const UPTIME_DIRECTORY = '/state/uptime';

/** Ed25519 is the dear part of a simulated life; who signed what is told apart all the same. */
export function cheapAttest(agentKey: string, text: string): string {
  return createHash('sha512').update(`${agentKey}${text}`).digest('hex');
}

/**
 * One life of the agent: the real daemon on gated ports. `kill` is SIGKILL: from that moment no port call of it ends, no timer
 * fires, and nothing that it still has in memory reaches anything.
 */
export class AgentProcess {
  readonly #options: ProcessOptions;
  #alive = true;
  /** Port calls so far; crash points are named by this number. */
  calls = 0;
  /** Kills the process at this port call, before or after it took effect. */
  killAt: { readonly call: number; readonly when: 'before' | 'after' } | undefined;
  agent: Agent | undefined;
  ledger: Ledger | undefined;
  /** Why it could not start. */
  startError: unknown;

  constructor(options: ProcessOptions) {
    this.#options = options;
  }

  get alive(): boolean {
    return this.#alive;
  }

  async start(): Promise<void> {
    const { agentKey, providerPubkey, settings, random, log, snapshotAfter } = this.#options;
    const clock = this.#clock();
    const agentId = agentKey as AgentId;
    let drain: DrainSwitch;
    try {
      drain = await DrainSwitch.open(this.#disk(), '/state');
      this.ledger = await openLedger({
        disk: this.#disk(),
        directory: '/state/ledger',
        clock,
        log,
        ...(snapshotAfter === undefined ? {} : { snapshotAfter }),
      });
    } catch (error) {
      this.startError = error;
      this.kill();
      return;
    }
    const transport = this.#gate(this.#options.platform);
    const platform = createPlatformClient({
      transport,
      signer: { publicKey: agentId, header: 'X-Agent-Pubkey', sign: (message) => cheapSignature(agentKey, message) },
      providerPubkey,
      clock,
      random,
      budget: createBudget({ clock, limits: { read: 100_000, write: 100_000 } }),
      log,
    });
    const { backend, client, gateway } = this.#options;
    const gate: Gate = (call) => this.#gate(call);
    const provisioner = backend.open({
      ...client,
      gate,
      deps: { agent: agentId, target: backend.type, clock, random, log },
    });
    this.agent = new Agent({
      agent: agentId,
      settings,
      clock,
      random,
      log,
      ledger: this.ledger,
      platform,
      guest: this.#guest(),
      knock: this.#gate(async ({ host, port }: { host: string; port: number }) => this.#options.knock(host, port)),
      uptime: new UptimeLog({
        disk: this.#disk(),
        directory: UPTIME_DIRECTORY,
        attestor: {
          agent: agentId,
          sign: (text) => cheapAttest(agentKey, text),
          isSigned: (key, text, signature) => signature === cheapAttest(key, text),
        },
        intervalMs: settings.healthIntervalMs,
        log,
      }),
      sealCredential: trySealCredentials,
      vault: {
        seal: (text) => Buffer.from(text).toString('base64'),
        open: (text) => Buffer.from(text, 'base64').toString(),
        derive: (label) => createHash('sha256').update(`${agentKey} ${label}`).digest(),
      },
      targets: [{ name: backend.type as TargetName, type: backend.type, provisioner }, ...(this.#options.beside ?? [])],
      ...(gateway === undefined ? {} : { gateway: gateway(gate, clock), trafficStore: this.#trafficStore() }),
      drain,
      clockSkewMs: () => platform.skew()?.skewMs,
    });
    this.agent.start();
  }

  kill(): void {
    if (!this.#alive) return;
    this.#alive = false;
    this.#options.onDeath();
  }

  /** SIGTERM: ends by itself, then the process is gone. */
  async stop(graceMs: number): Promise<void> {
    await this.agent?.stop(graceMs);
    await this.ledger?.close();
    this.kill();
  }

  #clock(): Clock {
    const { time, wallOffset } = this.#options;
    return {
      now: () => time.now() + wallOffset(),
      monotonic: () => time.monotonic(),
      after: (ms, fn) => time.after(ms, () => this.#alive && fn()),
    };
  }

  #guest(): Guest {
    const probe = this.#gate(async (target: SshTarget) => this.#options.probe(target));
    return {
      probeSsh: (target) => probe(target),
      ...simulatedGuest(this.#options.backend, this.#clock(), (call) => this.#gate(call)),
    };
  }

  #trafficStore(): NonNullable<AgentDeps['trafficStore']> {
    const { read, replace } = this.#disk();
    return { read: () => read(TRAFFIC_FILE), replace: (bytes) => replace(TRAFFIC_FILE, bytes) };
  }

  #disk(): Disk {
    const { disk } = this.#options;
    return {
      ensureDirectory: this.#gate(() => disk.ensureDirectory()),
      read: this.#gate((path) => disk.read(path)),
      list: this.#gate((path) => disk.list(path)),
      replace: this.#gate((path: string, bytes: Uint8Array) => disk.replace(path, bytes)),
      truncate: this.#gate((path: string, length: number) => disk.truncate(path, length)),
      remove: this.#gate((path) => disk.remove(path)),
      lock: this.#gate((path) => disk.lock(path)),
      openAppend: this.#gate(async (path: string) => {
        const file = await disk.openAppend(path);
        return {
          append: this.#gate((bytes: Uint8Array) => file.append(bytes)),
          sync: this.#gate(() => file.sync()),
          close: this.#gate(() => file.close()),
        };
      }),
    };
  }

  /** A port call that a dead process never makes, and whose answer a dead process never gets. */
  #gate<Args extends unknown[], Result>(call: (...args: Args) => Promise<Result>): (...args: Args) => Promise<Result> {
    return async (...args) => {
      if (!this.#alive) return never();
      const number = ++this.calls;
      if (this.killAt?.call === number && this.killAt.when === 'before') {
        this.kill();
        return never();
      }
      const outcome = await settled(call(...args));
      if (this.killAt?.call === number) this.kill();
      if (!this.#alive) return never();
      if (outcome.ok) return outcome.value;
      throw outcome.error;
    };
  }
}

const TRAFFIC_FILE = '/state/traffic.json';

/** A promise of its own each time: one that all waited for would keep every world that ever waited. */
function never(): Promise<never> {
  return new Promise(() => {});
}

type Settled<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: unknown };

function settled<T>(promise: Promise<T>): Promise<Settled<T>> {
  return promise.then(
    (value): Settled<T> => ({ ok: true, value }),
    (error: unknown): Settled<T> => ({ ok: false, error }),
  );
}
