import { systemClock } from '../../src/ports/clock.ts';
import { systemRandom } from '../../src/ports/random.ts';
import { createHetznerCore, type HetznerCore } from './core.ts';
import { type HetznerChoices, SIMULATOR_TOKEN } from './options.ts';
import { startHetzner } from './server.ts';

export interface DevHetznerOptions {
  /** On 127.0.0.1; any free one unless given. */
  readonly port?: number;
  /** Where the guests' SSH servers listen, on addresses of 127.77.0.0/16. 22 needs rights. Absent: no guests. */
  readonly sshPort?: number;
  readonly options?: HetznerChoices;
  readonly onProblem?: (problem: string) => void;
}

export interface DevHetzner {
  /** What a client is given as its endpoint. */
  readonly endpoint: string;
  readonly token: string;
  /** What makes it a target of an agent, as lines of its configuration. */
  readonly configuration: string;
  readonly core: HetznerCore;
  /** Servers end with it. */
  close(): Promise<void>;
}

/** Starts a project of the provider by hand: real HTTP, real SSH where asked, simulated servers that cost nothing. */
export async function startDevHetzner({ options = {}, ...input }: DevHetznerOptions): Promise<DevHetzner> {
  const core = createHetznerCore({
    clock: systemClock,
    random: systemRandom,
    options: { ...(input.sshPort === undefined ? {} : { addresses: 'loopback' as const }), ...options },
  });
  const { endpoint, close } = await startHetzner({ core, ...input });
  const token = options.tokens?.[0] ?? SIMULATOR_TOKEN;
  return {
    endpoint,
    token,
    configuration: targetLines(endpoint, token),
    core,
    async close() {
      await close();
      core.close();
    },
  };
}

function targetLines(endpoint: string, token: string): string {
  return `[[targets]]
name = "hcloud"
type = "hetzner"
[targets.hetzner]
token = "${token}"
endpoint = "${endpoint}"
offerings = ["hcloud-small"]
server_types = ["cx23", "cpx22"]
locations = ["fsn1", "nbg1"]
image = "debian-13"
`;
}
