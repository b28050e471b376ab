import { systemClock } from '../../src/ports/clock.ts';
import { systemRandom } from '../../src/ports/random.ts';
import { createVultrCore, type VultrCore } from './core.ts';
import { SIMULATOR_KEY, type VultrChoices } from './options.ts';
import { startVultr } from './server.ts';

export interface DevVultrOptions {
  /** On 127.0.0.1; any free one unless given. */
  readonly port?: number;
  /** Where the guests' SSH servers listen, on addresses of 127.78.0.0/16. 22 needs rights. Absent: no guests. */
  readonly sshPort?: number;
  readonly options?: VultrChoices;
  readonly onProblem?: (problem: string) => void;
}

export interface DevVultr {
  /** What a client is given as its endpoint. */
  readonly endpoint: string;
  readonly key: string;
  /** The lines that make it a target of an agent. */
  readonly configuration: string;
  readonly core: VultrCore;
  /** Instances end with it. */
  close(): Promise<void>;
}

/** Starts an account of the provider by hand: real HTTP, real SSH where asked, simulated instances that cost nothing. */
export async function startDevVultr({ options = {}, ...input }: DevVultrOptions): Promise<DevVultr> {
  const core = createVultrCore({
    clock: systemClock,
    random: systemRandom,
    options: { ...(input.sshPort === undefined ? {} : { addresses: 'loopback' as const }), ...options },
  });
  const { endpoint, close } = await startVultr({ core, ...input });
  const key = options.keys?.[0] ?? SIMULATOR_KEY;
  return {
    endpoint,
    key,
    configuration: configurationOf(endpoint, key),
    core,
    async close() {
      await close();
      core.close();
    },
  };
}

function configurationOf(endpoint: string, key: string): string {
  return `[[targets]]
name = "cloud"
type = "vultr"
[targets.vultr]
api_key = "${key}"
endpoint = "${endpoint}"
offerings = ["1"]
plans = ["vc2-1c-1gb"]
regions = ["ams"]
image = "os:2136"
`;
}
