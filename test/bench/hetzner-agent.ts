import { createProject } from '../../provisioners/hetzner/project.ts';
import { openHetzner } from '../../provisioners/hetzner/provisioner.ts';
import { hetznerSettings } from '../../provisioners/hetzner/schema.ts';
import { createHetznerCore, type HetznerCore } from '../../simulators/hetzner/core.ts';
import { inProcessHetzner } from '../../simulators/hetzner/in-process.ts';
import { chooseOptions, SIMULATOR_TOKEN, type Timings } from '../../simulators/hetzner/options.ts';
import type { PlatformCore } from '../../simulators/platform/core.ts';
import { inProcessTransport } from '../../simulators/platform/in-process.ts';
import { Agent, DrainSwitch } from '../../src/agent/index.ts';
import { openLedger } from '../../src/ledger/index.ts';
import { defaultPolicy } from '../../src/lifecycle/index.ts';
import { createUnlimitedBudget } from '../../src/platform/budget.ts';
import { createPlatformClient } from '../../src/platform/client.ts';
import type { AgentId, TargetName } from '../../src/ports/ids.ts';
import { silentLog } from '../../src/ports/log.ts';
import { SeededRandom } from '../simulation/seeded-random.ts';
import type { VirtualTime } from '../simulation/virtual-time.ts';
import { READY } from './agent.ts';
import { openMarket, SSH_KEY } from './market.ts';
import { memoryDisk } from './memory-disk.ts';

export interface HetznerWorld {
  readonly platform: PlatformCore;
  readonly core: HetznerCore;
  readonly timings: Timings;
  rent(): void;
  /** Calls to the API so far, and how many of them were refused with 429. */
  readonly calls: () => number;
  readonly throttled: () => number;
  /** What the API said last of its bucket. */
  readonly remaining: () => number;
  stop(): Promise<void>;
}

export interface HetznerWorldOptions {
  readonly time: VirtualTime;
  readonly lanes: number;
  /** Requests that only deletions may use. */
  readonly reserve?: number;
}

/** Of each call, each way. */
const LATENCY_MS = 20;

/** The whole daemon with the real plugin on a simulated project, in virtual time, with the provider's own timings. */
export async function openHetznerWorld({ time, lanes, reserve = 300 }: HetznerWorldOptions): Promise<HetznerWorld> {
  const random = new SeededRandom(1);
  const market = openMarket(time, random);
  const core = createHetznerCore({ clock: time, random });
  const { admin } = market.platform;
  const pool = admin.pool(market.provider, { provisionerType: 'hcloud' });
  const offering = admin.offering(market.provider, { provisioner_type: 'hcloud', agent_pool_id: pool.id });
  const { key } = admin.keyPair();
  admin.register(admin.token(pool), key);
  const agent = key as AgentId;
  let throttled = 0;
  let remaining = 0;
  core.onExchange(({ answer }) => {
    if (answer.status === 429) throttled++;
    remaining = Number(answer.headers['ratelimit-remaining']);
  });
  const settings = hetznerSettings.parse({
    token: SIMULATOR_TOKEN,
    offerings: [offering.offering_id],
    server_types: ['cx23'],
    locations: ['fsn1'],
    image: 'debian-13',
    max_servers: 500,
    reserve_requests: reserve,
  });
  const deps = { agent, target: 'hcloud', clock: time, random, log: silentLog };
  const project = createProject(inProcessHetzner(core, { clock: time, latencyMs: LATENCY_MS }), settings, deps);
  const ledger = await openLedger({ disk: memoryDisk(), directory: '/bench', clock: time, log: silentLog });
  const daemon = new Agent({
    agent,
    settings: {
      version: '0.0.0-bench',
      endpoint: 'bench',
      stateDir: '/bench',
      workIntervalMs: 3_000,
      reconcileIntervalMs: 30_000,
      healthIntervalMs: 300_000,
      maxConcurrentProvisioning: lanes,
      memoryHeadroomMb: 0,
      policy: defaultPolicy,
    },
    clock: time,
    random,
    log: silentLog,
    ledger,
    platform: createPlatformClient({
      transport: inProcessTransport(market.platform, { clock: time }),
      signer: { publicKey: agent, header: 'X-Agent-Pubkey', sign: () => '0'.repeat(128) },
      providerPubkey: market.provider,
      clock: time,
      random,
      budget: createUnlimitedBudget(time),
      log: silentLog,
    }),
    guest: {
      ...READY,
      probeSsh: async ({ host }) => {
        const guest = core.guestAt(host);
        if (guest?.ready !== true) return { state: 'not-yet', why: 'connection refused' };
        return { state: 'ready', hostKey: guest.hostKeyFingerprint, latencyMs: 0 };
      },
    },
    knock: async () => ({ state: 'answers', latencyMs: 0 }),
    uptime: { record: async () => {}, forget: async () => {}, problem: undefined },
    drain: await DrainSwitch.open(memoryDisk(), '/bench'),
    sealCredential: () => undefined,
    vault: { seal: (text) => text, open: (text) => text, derive: () => new Uint8Array(32) },
    targets: [
      {
        name: 'hcloud' as TargetName,
        type: 'hetzner',
        provisioner: openHetzner({ project, deps, settings, release: async () => project.close() }),
      },
    ],
  });
  daemon.start();
  return {
    platform: market.platform,
    core,
    timings: chooseOptions({}).timings,
    rent: () => void admin.rent({ offering, sshKey: SSH_KEY, hours: 24 * 365 }),
    calls: () => [...core.calls.values()].reduce((sum, count) => sum + count, 0),
    throttled: () => throttled,
    remaining: () => remaining,
    async stop() {
      const stopped = daemon.stop(1_000).then(() => ledger.close());
      await time.advance(60_000);
      await stopped;
      core.close();
    },
  };
}
