import { randomBytes, randomInt } from 'node:crypto';
import { EngineClient } from '../../provisioners/docker/client.ts';
import { Engine } from '../../provisioners/docker/engine.ts';
import { LABEL } from '../../provisioners/docker/stamp.ts';
import { sleep, systemClock } from '../../src/ports/clock.ts';
import { isProvisionerError } from '../../src/provisioner/index.ts';
import { type DemoBackend, FEWEST_LANES, type Surroundings } from './backend.ts';
import { DemoFailure, reasonOf } from './failure.ts';
import { ensureImage, IMAGE } from './image.ts';

/** The engine makes containers one after the other anyway; more only wait inside it. */
const LANES = 8;
/** Below the kernel's own ports and away from the plugin's usual range, so that other agents of this host are not met. */
const FIRST_PORT = 20_000;
const PORTS = 200;
const PATIENCE_MS = 30_000;

export const NEXT =
  'Start one, or name its socket: DOCKER_HOST=unix:///path/docker.sock. Or run with --backend sandbox.';

/** A Docker engine that answered. */
export interface FoundEngine {
  readonly socketPath: string;
  readonly version: string;
  readonly client: EngineClient;
}

/** The engine of $DOCKER_HOST, or of the usual socket. Rejects with the reason when there is none that can be used. */
export async function findEngine(env: NodeJS.ProcessEnv, signal: AbortSignal): Promise<FoundEngine> {
  const host = env['DOCKER_HOST'] || 'unix:///var/run/docker.sock';
  if (!host.startsWith('unix://'))
    throw new DemoFailure(`DOCKER_HOST is ${host}, and only unix sockets are spoken to`, { next: NEXT });
  const socketPath = host.slice('unix://'.length);
  const client = new EngineClient({ socketPath, clock: systemClock, timeoutMs: PATIENCE_MS });
  try {
    const { ServerVersion } = await new Engine(client).info(signal, 5_000);
    return { socketPath, client, version: ServerVersion ?? '?' };
  } catch (error) {
    await client.close();
    signal.throwIfAborted();
    // Only a socket that this user may not open is worth more words than that nobody is there.
    if (isProvisionerError(error) && error.kind === 'config') throw error;
    throw new DemoFailure(`no Docker engine answers at ${socketPath}`, { cause: error, next: NEXT });
  }
}

/** Containers on a real engine, in a network of their own that is removed at the end. */
export async function openDocker(found: FoundEngine, surroundings: Surroundings): Promise<DemoBackend> {
  const { undo, contracts, say, signal } = surroundings;
  const { client, socketPath, version } = found;
  undo.add('close the connection to the engine', () => client.close());
  const engine = new Engine(client);
  await ensureImage(engine, socketPath, surroundings);
  const network = `dc-demo-${randomBytes(6).toString('hex')}`;
  undo.add(`remove Docker network ${network}`, () => removeNetwork(client, network));
  await engine.createNetwork(
    { Name: network, Driver: 'bridge', Options: { 'com.docker.network.bridge.enable_icc': 'false' } },
    signal,
  );
  const firstPort = FIRST_PORT + PORTS * randomInt(50);
  say('note', `network ${network}, ports from ${firstPort} on 127.0.0.1, image ${IMAGE}`);
  return {
    type: 'docker',
    title: `Docker ${version} at ${socketPath}`,
    simulated: false,
    lanes: Math.max(FEWEST_LANES, Math.min(contracts, LANES)),
    settings: [
      `socket_path=${JSON.stringify(socketPath)}`,
      `network=${network}`,
      `default_image=${IMAGE}`,
      'pull=never',
      'publish_address=127.0.0.1',
      `port_range_start=${firstPort}`,
      `port_range_end=${firstPort + PORTS - 1}`,
      'stop_grace_seconds=1',
    ],
    sells: { memory_amount: '128 MB', total_ssd_capacity: '1 GB' },
    async contractsWithMachines(agent) {
      const own = await containersOf(engine, agent);
      return own.flatMap(({ Labels }) => Labels[LABEL.contract] ?? []);
    },
    removeAll: (agent) => removeAll(engine, agent),
  };
}

async function containersOf(engine: Engine, agent: string) {
  const { containers } = await engine.list({ [LABEL.agentId]: agent }, AbortSignal.timeout(PATIENCE_MS));
  return containers;
}

/** The engine answers before a container is gone, so it is asked until it shows none. */
async function removeAll(engine: Engine, agent: string): Promise<void> {
  const patience = AbortSignal.timeout(PATIENCE_MS);
  for (;;) {
    const left = await containersOf(engine, agent);
    if (left.length === 0) return;
    for (const { Id } of left) await engine.remove(Id, patience);
    await sleep(systemClock, 100, patience);
  }
}

async function removeNetwork(client: EngineClient, name: string): Promise<void> {
  try {
    await client.call({
      doing: `remove network ${name}`,
      method: 'DELETE',
      path: `/networks/${name}`,
      expects: ({ status }) => status === 404,
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
  } catch (error) {
    throw new Error(`${reasonOf(error)}; by hand: docker network rm ${name}`, { cause: error });
  }
}
