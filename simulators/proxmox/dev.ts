import { systemClock } from '../../src/ports/clock.ts';
import { systemRandom } from '../../src/ports/random.ts';
import { type Playground, type PlaygroundOptions, playground } from './playground.ts';
import { type ProxmoxServer, startProxmox } from './server.ts';

export interface DevProxmoxOptions extends Omit<PlaygroundOptions, 'clock' | 'random'> {
  /** On 127.0.0.1; 0 or absent = any free one. */
  readonly port?: number;
  readonly onProblem?: (problem: string) => void;
}

export interface DevProxmox {
  readonly server: ProxmoxServer;
  readonly playground: Playground;
  /** The lines that make it a target of the agent. */
  readonly configuration: string;
  close(): Promise<void>;
}

/** Starts a simulated Proxmox VE by hand: real TLS on loopback, real time, make-believe machines. */
export async function startDevProxmox({ port, onProblem, ...options }: DevProxmoxOptions = {}): Promise<DevProxmox> {
  const made = playground({ clock: systemClock, random: systemRandom, ...options });
  const server = await startProxmox({
    core: made.core,
    ...(port === undefined ? {} : { port }),
    ...(onProblem ? { onProblem } : {}),
  });
  return {
    server,
    playground: made,
    configuration: configurationOf(made, server),
    async close() {
      await server.close();
      await made.core.close();
    },
  };
}

function configurationOf({ token, nodes, storage, pool, template }: Playground, server: ProxmoxServer): string {
  return [
    '[provisioner]',
    'type = "proxmox"',
    '',
    '[provisioner.proxmox]',
    `api_url = "${server.url}"`,
    `api_token_id = "${token.id}"`,
    `api_token_secret = "${token.secret}"`,
    `node = "${nodes[0]}"`,
    `template_vmid = ${template}`,
    `storage = "${storage}"`,
    `pool = "${pool}"`,
    `fingerprint = "${server.fingerprint}"`,
    '',
  ].join('\n');
}
