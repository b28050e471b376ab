import { randomBytes, randomInt } from 'node:crypto';
import { z } from 'zod';
import {
  askEngine,
  discard,
  engineSocket,
  makeContainer,
  TEST_IMAGE,
  tellEngine,
} from '../../../provisioners/docker/test-engine.ts';
import type { Backend, SeenMachine } from './backend.ts';

export interface DockerBackend extends Backend {
  /** Every container on this test's network. */
  machines(): Promise<SeenMachine[]>;
  /** A running container of somebody else, as near to ours as can be. Resolves with its id. */
  addStranger(name: string, labels?: Readonly<Record<string, string>>): Promise<string>;
}

/** The real engine, with a network that only this test's containers are on. */
export async function dockerBackend(): Promise<DockerBackend> {
  const network = `dc-e2e-${randomBytes(6).toString('hex')}`;
  await tellEngine('POST', '/networks/create', { Name: network, Driver: 'bridge' });
  // Below the kernel's ephemeral ports, away from those of other tests, and seldom twice the same.
  const firstPort = 10_000 + 100 * randomInt(90);

  async function machines(): Promise<SeenMachine[]> {
    const filters = encodeURIComponent(JSON.stringify({ network: [network] }));
    const text = await tellEngine('GET', `/containers/json?all=1&filters=${filters}`);
    return containers.parse(JSON.parse(text)).map(({ Id, State, Labels }) => ({
      id: Id,
      uid: Id,
      contract: Labels['dc-contract-id'],
      agent: Labels['dc-agent-id'],
      running: State === 'running',
    }));
  }

  return {
    type: 'docker',
    settings: `
socket_path = ${JSON.stringify(engineSocket)}
network = "${network}"
publish_address = "127.0.0.1"
port_range_start = ${firstPort}
port_range_end = ${firstPort + 99}
pull = "never"
stop_grace_seconds = 2`,
    machines,
    async addStranger(name, Labels = {}) {
      const body = {
        Image: TEST_IMAGE,
        Labels,
        HostConfig: { NetworkMode: network },
        Entrypoint: ['sleep', 'infinity'],
      };
      const id = await makeContainer(name, body);
      await tellEngine('POST', `/containers/${id}/start`);
      return id;
    },
    async close() {
      await Promise.all((await machines()).map(({ id }) => discard(id)));
      const { status, text } = await askEngine('DELETE', `/networks/${network}`);
      if (status >= 400) throw new Error(`the network ${network} could not be removed: ${text.trim()}`);
    },
  };
}

const containers = z.array(
  z.looseObject({ Id: z.string(), State: z.string(), Labels: z.record(z.string(), z.string()) }),
);
