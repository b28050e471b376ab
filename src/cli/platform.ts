import type { Config } from '../config/types.ts';
import { type AgentKey, type LoadedAgentKey, loadAgentKey } from '../identity/keys.ts';
import { createSigner } from '../identity/sign.ts';
import { createUnlimitedBudget } from '../platform/budget.ts';
import { createPlatformClient, type PlatformClient } from '../platform/client.ts';
import { createHttpTransport } from '../platform/http-transport.ts';
import { type PlatformLiveness, platformHealth } from '../platform/liveness.ts';
import type { Transport } from '../platform/transport.ts';
import { systemClock } from '../ports/clock.ts';
import { type Log, silentLog } from '../ports/log.ts';
import { systemRandom } from '../ports/random.ts';
import { registerSecret } from '../telemetry/secrets.ts';

/** A command's own connection to the platform; the running agent's is not used, so that doctor also works without it. */
export interface PlatformLink {
  readonly transport: Transport;
  health(signal?: AbortSignal): Promise<PlatformLiveness>;
  /** Signed calls. `providerPubkey` is the path that they go to. */
  signed(key: AgentKey, providerPubkey: string): PlatformClient;
  close(): Promise<void>;
}

export function openPlatform(endpoint: string, log: Log = silentLog): PlatformLink {
  const transport = createHttpTransport({ endpoint, name: 'command line' });
  return {
    transport,
    health: (signal) => platformHealth(transport, { clock: systemClock, ...(signal ? { signal } : {}) }),
    signed: (key, providerPubkey) =>
      createPlatformClient({
        transport,
        signer: createSigner(key.secret),
        providerPubkey,
        clock: systemClock,
        random: systemRandom,
        // A command makes a handful of calls; if the platform has had enough of this address, it says so itself.
        budget: createUnlimitedBudget(systemClock),
        log,
      }),
    close: () => transport.close(),
  };
}

/** The configured agent key, known to the redaction from here on. */
export async function readAgentKey(config: Config): Promise<LoadedAgentKey> {
  const source = config.api.agentKey;
  if (source.kind === 'hex') registerSecret(source.secret.reveal());
  const key = await loadAgentKey(source.kind === 'hex' ? source.secret.reveal() : source.path);
  registerSecret(key.secret.reveal());
  return key;
}
