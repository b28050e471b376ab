import { systemClock } from '../../src/ports/clock.ts';
import { systemRandom } from '../../src/ports/random.ts';
import { createDoCore, type DoCore } from './core.ts';
import { type DoChoices, SIMULATOR_TOKEN } from './options.ts';
import { startDo } from './server.ts';

export interface DevDoOptions {
  /** On 127.0.0.1; any free one unless given. */
  readonly port?: number;
  /** Where the guests' SSH servers listen, on addresses of 127.79.0.0/16. 22 needs rights. Absent: no guests. */
  readonly sshPort?: number;
  readonly options?: DoChoices;
  readonly onProblem?: (problem: string) => void;
}

export interface DevDo {
  /** What a client is given as its endpoint. */
  readonly endpoint: string;
  readonly token: string;
  /** The lines that make it a target of an agent. */
  readonly configuration: string;
  readonly core: DoCore;
  /** Droplets end with it. */
  close(): Promise<void>;
}

/** Starts an account of the provider by hand: real HTTP, real SSH where asked, simulated droplets that cost nothing. */
export async function startDevDo({ options = {}, ...input }: DevDoOptions): Promise<DevDo> {
  const core = createDoCore({
    clock: systemClock,
    random: systemRandom,
    options: { ...(input.sshPort === undefined ? {} : { addresses: 'loopback' as const }), ...options },
  });
  const { endpoint, close } = await startDo({ core, ...input });
  const token = options.tokens?.[0] ?? SIMULATOR_TOKEN;
  return {
    endpoint,
    token,
    configuration: `[[targets]]\nname = "droplets"\ntype = "digitalocean"\n[targets.digitalocean]\napi_token = "${token}"\nendpoint = "${endpoint}"\n`,
    core,
    async close() {
      await close();
      core.close();
    },
  };
}
