import { openSandbox } from '../../provisioners/sandbox/provisioner.ts';
import { sandboxSettings } from '../../provisioners/sandbox/schema.ts';
import type { SandboxTransport } from '../../provisioners/sandbox/transport.ts';
import { Agent, type AgentSettings, DrainSwitch } from '../../src/agent/index.ts';
import type { Guest } from '../../src/guest/index.ts';
import { UptimeLog } from '../../src/health/index.ts';
import { createAttestor } from '../../src/identity/attest.ts';
import { createSigner, type Signer } from '../../src/identity/sign.ts';
import { type Ledger, openLedger } from '../../src/ledger/index.ts';
import { defaultPolicy } from '../../src/lifecycle/index.ts';
import type { RateBudget } from '../../src/platform/budget.ts';
import { createPlatformClient } from '../../src/platform/client.ts';
import type { Transport } from '../../src/platform/transport.ts';
import type { Clock } from '../../src/ports/clock.ts';
import type { Disk } from '../../src/ports/disk.ts';
import type { TargetName } from '../../src/ports/ids.ts';
import { silentLog } from '../../src/ports/log.ts';
import type { Random } from '../../src/ports/random.ts';
import { Secret } from '../../src/ports/secret.ts';

export interface AgentParts {
  readonly seed: string;
  readonly provider: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly disk: Disk;
  readonly directory: string;
  readonly platform: Transport;
  readonly backend: SandboxTransport;
  readonly budget: RateBudget;
  readonly settings?: Partial<AgentSettings>;
  /** One that lets the tenant in at once unless told. */
  readonly guest?: Guest;
  /** Signs for real unless told. */
  readonly signer?: Signer;
}

export interface RunningAgent {
  readonly agent: Agent;
  readonly ledger: Ledger;
  stop(): Promise<void>;
}

const DEFAULTS: AgentSettings = {
  version: '0.0.0-bench',
  endpoint: 'bench',
  stateDir: '/bench',
  workIntervalMs: 3_000,
  reconcileIntervalMs: 30_000,
  healthIntervalMs: 300_000,
  maxConcurrentProvisioning: 8,
  memoryHeadroomMb: 0,
  policy: defaultPolicy,
};

/** A guest that lets the tenant in at once. */
export const READY: Guest = {
  probeSsh: async () => ({ state: 'ready', hostKey: 'SHA256:bench', latencyMs: 0 }),
  runRecipe: async () => ({ state: 'unreachable', why: 'the bench has no recipes' }),
  withdrawKey: async () => ({ state: 'not-yet', why: 'the bench has no recipes' }),
};

/** The whole daemon, as the program composes it, on the ports that a bench gives it. */
export async function startAgent(parts: AgentParts): Promise<RunningAgent> {
  const { clock, random } = parts;
  const signer = parts.signer ?? createSigner(new Secret(parts.seed));
  const ledger = await openLedger({ disk: parts.disk, directory: parts.directory, clock, log: silentLog });
  const deps = { agent: signer.publicKey, target: 'sandbox', clock, random, log: silentLog };
  const platform = createPlatformClient({
    transport: parts.platform,
    signer,
    providerPubkey: parts.provider,
    clock,
    random,
    budget: parts.budget,
    log: silentLog,
  });
  const settings = sandboxSettings.parse({ socket_path: '/bench' });
  const provisioner = openSandbox({ transport: parts.backend, deps, settings });
  const agent = new Agent({
    agent: signer.publicKey,
    settings: { ...DEFAULTS, ...parts.settings },
    clock,
    random,
    log: silentLog,
    ledger,
    platform,
    guest: parts.guest ?? READY,
    knock: async () => ({ state: 'answers', latencyMs: 0 }),
    uptime: new UptimeLog({
      disk: parts.disk,
      directory: `${parts.directory}/uptime`,
      attestor: createAttestor(new Secret(parts.seed)),
      intervalMs: DEFAULTS.healthIntervalMs,
      log: silentLog,
    }),
    sealCredential: () => undefined,
    vault: { seal: (text) => text, open: (text) => text, derive: () => new Uint8Array(32) },
    drain: await DrainSwitch.open(parts.disk, parts.directory),
    targets: [{ name: 'sandbox' as TargetName, type: 'sandbox', provisioner }],
  });
  agent.start();
  return {
    agent,
    ledger,
    async stop() {
      await agent.stop(1_000);
      await ledger.close();
    },
  };
}
