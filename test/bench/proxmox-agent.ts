import { AsyncLocalStorage } from 'node:async_hooks';
import { openProxmox } from '../../provisioners/proxmox/provisioner.ts';
import { proxmoxSettings } from '../../provisioners/proxmox/schema.ts';
import type { PlatformCore } from '../../simulators/platform/core.ts';
import { inProcessTransport } from '../../simulators/platform/in-process.ts';
import type { Timings } from '../../simulators/proxmox/call.ts';
import type { ProxmoxCore } from '../../simulators/proxmox/core.ts';
import { inProcessProxmox } from '../../simulators/proxmox/in-process.ts';
import { playground } from '../../simulators/proxmox/playground.ts';
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

/** What the agent was doing when it called the host. */
export type Purpose = 'list' | 'inventory' | 'create' | 'observe' | 'other';

export interface ProxmoxWorld {
  readonly platform: PlatformCore;
  readonly core: ProxmoxCore;
  rent(): void;
  readonly timings: Timings;
  /** Calls so far, by purpose. Together they are as many as `core.calls`. */
  readonly calls: ReadonlyMap<Purpose, number>;
  /** How often a method of the plugin was called. */
  readonly rounds: ReadonlyMap<Purpose, number>;
  stop(): Promise<void>;
}

export interface ProxmoxWorldOptions {
  readonly time: VirtualTime;
  readonly lanes: number;
  readonly address: 'dhcp' | 'range';
}

/** Of each call, each way. */
const LATENCY_MS = 1;

/** The whole daemon with the real plugin on a simulated host, in virtual time, with the host's recorded timings. */
export async function openProxmoxWorld({ time, lanes, address }: ProxmoxWorldOptions): Promise<ProxmoxWorld> {
  const random = new SeededRandom(1);
  const market = openMarket(time, random);
  const ground = playground({
    clock: time,
    random,
    nodes: [{ name: 'pve', cores: 256, memoryGb: 4_096 }],
    diskGb: 100_000,
  });
  const { core } = ground;
  // Nobody inside to be asked for the host key: then a machine is made once it runs.
  if (address === 'range') core.cluster.guests.get(ground.template)?.config.delete('agent');
  const { admin } = market.platform;
  const pool = admin.pool(market.provider, { provisionerType: 'proxmox' });
  const offering = admin.offering(market.provider, { provisioner_type: 'proxmox', agent_pool_id: pool.id });
  const { key } = admin.keyPair();
  admin.register(admin.token(pool), key);
  const agent = key as AgentId;
  const purpose = new AsyncLocalStorage<Purpose>();
  const calls = new Map<Purpose, number>();
  const rounds = new Map<Purpose, number>();
  const send = inProcessProxmox(core, { clock: time, latencyMs: LATENCY_MS });
  const provisioner = openProxmox(
    proxmoxSettings.parse({
      api_url: 'https://bench:8006',
      api_token_id: ground.token.id,
      api_token_secret: ground.token.secret,
      node: 'pve',
      template_vmid: ground.template,
      storage: ground.storage,
      pool: ground.pool,
      ...(address === 'dhcp' ? {} : { address: { cidr: '198.18.0.0/22' } }),
    }),
    { agent, target: 'proxmox', clock: time, random, log: silentLog },
    {
      send: (request) => {
        count(calls, purpose.getStore() ?? 'other');
        return send(request);
      },
      close: async () => {},
    },
  );
  const during =
    <Args extends unknown[], Result>(what: Purpose, call: (...args: Args) => Promise<Result>) =>
    (...args: Args): Promise<Result> => {
      count(rounds, what);
      return purpose.run(what, () => call(...args));
    };
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
    guest: READY,
    knock: async () => ({ state: 'answers', latencyMs: 0 }),
    uptime: { record: async () => {}, forget: async () => {}, problem: undefined },
    drain: await DrainSwitch.open(memoryDisk(), '/bench'),
    sealCredential: () => undefined,
    vault: { seal: (text) => text, open: (text) => text, derive: () => new Uint8Array(32) },
    targets: [
      {
        name: 'proxmox' as TargetName,
        type: 'proxmox',
        provisioner: {
          ...provisioner,
          list: during('list', provisioner.list),
          inventory: during('inventory', provisioner.inventory),
          create: during('create', provisioner.create),
          observe: during('observe', provisioner.observe),
        },
      },
    ],
  });
  daemon.start();
  return {
    platform: market.platform,
    core,
    rent: () => void admin.rent({ offering, sshKey: SSH_KEY, hours: 24 * 365 }),
    timings: core.pve.timings,
    calls,
    rounds,
    async stop() {
      const stopped = daemon.stop(1_000).then(() => ledger.close());
      await time.advance(60_000);
      await stopped;
      await core.close();
    },
  };
}

function count(counts: Map<Purpose, number>, what: Purpose): void {
  counts.set(what, (counts.get(what) ?? 0) + 1);
}
