import { randomBytes, randomInt, randomUUID } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sampleOrder } from '../../src/provisioner/conformance.ts';
import {
  type AgentId,
  type Clock,
  type MachineOrder,
  type OwnerStamp,
  silentLog,
  systemClock,
  systemRandom,
} from '../../src/provisioner/index.ts';
import { DockerProvisioner } from './provisioner.ts';
import { dockerSettings } from './schema.ts';
import { LABEL, stampLabels } from './stamp.ts';
import { askEngine, discard, engineSocket, idsWith, makeContainer, TEST_IMAGE, TEST_LABEL } from './test-engine.ts';
import { type EngineProxy, startEngineProxy } from './test-proxy.ts';

/** One agent's target on the real engine, with a proxy in between, a network of its own, and nothing left at the end. */
export interface TestTarget {
  readonly agent: AgentId;
  readonly provisioner: DockerProvisioner;
  readonly proxy: EngineProxy;
  readonly network: string;
  order(overrides?: Partial<MachineOrder>): MachineOrder;
  /** How many containers of this stamp's contract the engine really has. */
  count(stamp: OwnerStamp): Promise<number>;
  /** A container that nobody of us made. */
  addStranger(name?: string): Promise<string>;
  /** The same target as after a restart of the agent. */
  reopen(settings?: object): Promise<DockerProvisioner>;
  cleanup(): Promise<void>;
}

export async function openTarget(options: { settings?: object; clock?: Clock } = {}): Promise<TestTarget> {
  const agent = randomBytes(32).toString('hex') as AgentId;
  const network = `dc-test-${agent.slice(0, 12)}`;
  await makeNetwork(network, agent);
  const proxy = await startEngineProxy(join(tmpdir(), `dc-docker-${randomUUID()}.sock`), engineSocket);
  const opened: DockerProvisioner[] = [];
  // Below the kernel's ephemeral ports, away from the plugin's own range, and seldom twice the same.
  const firstPort = 20_000 + 100 * randomInt(100);

  const reopen = async (settings: object = {}): Promise<DockerProvisioner> => {
    const given = {
      socket_path: proxy.socketPath,
      network,
      publish_address: '127.0.0.1',
      port_range_start: firstPort,
      port_range_end: firstPort + 99,
      pull: 'never',
      stop_grace_seconds: 5,
      ...options.settings,
      ...settings,
    };
    const provisioner = new DockerProvisioner(dockerSettings.parse(given), {
      agent,
      target: 'docker',
      clock: options.clock ?? systemClock,
      random: systemRandom,
      log: silentLog,
    });
    opened.push(provisioner);
    await provisioner.prepare();
    return provisioner;
  };

  return {
    agent,
    network,
    proxy,
    provisioner: await reopen(),
    reopen,
    order: (overrides) => sampleOrder(agent, overrides),
    count: async ({ contract }) => (await idsWith({ [LABEL.agentId]: agent, [LABEL.contract]: contract })).length,
    addStranger: (name) => makeContainer(name, { Image: TEST_IMAGE, Labels: { [TEST_LABEL]: agent } }),
    async cleanup() {
      for (const provisioner of opened) await provisioner.close();
      await proxy.close();
      const left = [await idsWith({ [LABEL.agentId]: agent }), await idsWith({ [TEST_LABEL]: agent })].flat();
      await Promise.all(left.map(discard));
      await askEngine('DELETE', `/networks/${network}`);
    },
  };
}

/** Another container with the stamp of an existing one, as an operator's copy would be. */
export function copyOf(stamp: OwnerStamp): Promise<string> {
  return makeContainer(undefined, { Image: TEST_IMAGE, Labels: stampLabels(stamp) });
}

async function makeNetwork(name: string, agent: AgentId): Promise<void> {
  const { status, text } = await askEngine('POST', '/networks/create', {
    Name: name,
    Driver: 'bridge',
    Labels: { [TEST_LABEL]: agent },
    Options: { 'com.docker.network.bridge.enable_icc': 'false' },
  });
  if (status !== 201) throw new Error(`the engine made no network for a test: ${text.trim()}`);
}
