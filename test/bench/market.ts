import { createPlatformCore, type PlatformCore } from '../../simulators/platform/core.ts';
import type { PlatformCrypto } from '../../simulators/platform/options.ts';
import type { Contract, Offering } from '../../simulators/platform/state.ts';
import { cheapCrypto, realCrypto } from '../../simulators/platform/verify.ts';
import { createSandboxCore, type SandboxCore } from '../../simulators/sandbox/core.ts';
import type { HypervisorOptions } from '../../simulators/sandbox/options.ts';
import type { Clock } from '../../src/ports/clock.ts';
import type { Random } from '../../src/ports/random.ts';

export const SSH_KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHfs+6XAzBCZjMTrQlvBUY7fxPpfHXmExbNjzCM4HZZk tenant';

/** A platform with one provider and one offering, and a backend that is never full. */
export interface Market {
  readonly platform: PlatformCore;
  readonly backend: SandboxCore;
  readonly provider: string;
  readonly offering: Offering;
  /** A new agent of the provider, registered. */
  agent(): { readonly seed: string; readonly key: string };
  rent(): Contract;
}

/** Takes real keys and believes every signature: what the platform's own cryptography costs is not the agent's. */
const BELIEVING: PlatformCrypto = { ...cheapCrypto, publicKeyOf: realCrypto.publicKeyOf, verify: () => true };

const ENDLESS: Partial<HypervisorOptions> = {
  createMs: 0,
  startMs: 0,
  bootMs: 0,
  stopMs: 0,
  deleteMs: 0,
  cpuCores: 1_000,
  memoryMb: 1_000_000_000,
  diskGb: 1_000_000_000,
  maxMachines: 1_000_000,
};

export function openMarket(clock: Clock, random: Random, backend: Partial<HypervisorOptions> = {}): Market {
  const platform = createPlatformCore({
    clock,
    random,
    options: { crypto: BELIEVING, settings: { requireVerifiedEmail: false } },
  });
  const { admin } = platform;
  const provider = admin.provider();
  const pool = admin.pool(provider, { provisionerType: 'sandbox' });
  const offering = admin.offering(provider, { provisioner_type: 'sandbox', agent_pool_id: pool.id });
  return {
    platform,
    backend: createSandboxCore({ clock, random, options: { ...ENDLESS, ...backend } }),
    provider,
    offering,
    agent() {
      const pair = admin.keyPair();
      admin.register(admin.token(pool), pair.key);
      return pair;
    },
    rent: () => admin.rent({ offering, sshKey: SSH_KEY, hours: 24 * 365 }),
  };
}
