import type { AgentDeps } from '../../agent/index.ts';
import type { Config } from '../../config/types.ts';
import type { Proof, Route } from '../../gateway/port.ts';
import { allocateRoute, type ContractRecord, isBehindHost, openRoutes } from '../../lifecycle/index.ts';
import type { PlatformClient } from '../../platform/client.ts';
import { type ContractId, type Instance, sleep, systemClock, systemRandom } from '../../provisioner/index.ts';
import { AgentNotRunning, readLocalStatus } from '../../telemetry/local-client.ts';
import { Failure } from '../failure.ts';
import { gatewayDeps } from '../gateway.ts';
import { socketPath } from '../places.ts';
import { readRecords } from '../records.ts';

const PROVE_WITHIN_MS = 120_000;
const PROVE_AGAIN_MS = 2_000;

export interface GatewayTrial {
  readonly config: Config;
  readonly signal: AbortSignal;
  /** Absent: no DNS name is asked for. */
  readonly platform?: PlatformClient;
  readonly tell: (text: string) => void;
}

/** Throws Failure while an agent runs: routes are made all at once, so the two would undo each other. */
export async function readyForGatewayTrial({ agent, gateway }: Config): Promise<void> {
  if (gateway === undefined) throw new Failure({ what: 'there is no [gateway] in the configuration to be tested' });
  const running = await readLocalStatus(socketPath(agent.stateDir)).then(
    () => true,
    (error: unknown) => {
      if (error instanceof AgentNotRunning) return false;
      throw error;
    },
  );
  if (!running) return;
  throw new Failure({
    what: 'the agent is running, and would close the test’s ports with its next look',
    next: 'Stop it for the test; its machines and their ports stay:',
    command: 'systemctl stop dc-agent',
  });
}

/** Gives a test machine ports beside those of all contracts, proves that they lead to it, and takes them away again, whatever happens. */
export async function tryGateway(instance: Instance, contract: ContractId, trial: GatewayTrial): Promise<void> {
  const { config, platform, signal, tell } = trial;
  const { gateway } = await gatewayDeps(config);
  if (gateway === undefined || !isBehindHost(instance))
    return tell('it needs no ports here: it is reached by its own address');
  const records = [...((await readRecords(config.agent.stateDir))?.records.values() ?? [])];
  const route = routeFor(instance, contract, records, gateway);
  const others = openRoutes(records, () => false).routes;
  try {
    const { refused } = await gateway.port.apply([...others, route], signal);
    const why = refused.get(contract);
    if (why !== undefined) throw new Error(`the gateway refused the test's route: ${why}`);
    tell(`ports ${route.firstPort} to ${route.firstPort + route.portCount - 1} are open at ${gateway.port.publicIp}`);
    const proof = await prove(route, gateway, signal);
    if (!proof.ok) throw new Error(`what comes in at port ${route.firstPort} does not arrive: ${proof.why}`);
    tell('what comes in there arrives at this machine');
    if (platform !== undefined && gateway.dns === 'platform') await tryName(route.slug, gateway, platform, trial);
  } finally {
    // Also after Ctrl-C: nothing may lead to an address that is about to be free.
    await gateway.port.apply(others, AbortSignal.timeout(30_000));
    tell('its ports are closed again');
    await gateway.port.close();
  }
}

type Gateway = NonNullable<AgentDeps['gateway']>;

function routeFor(
  instance: Instance,
  contract: ContractId,
  records: readonly ContractRecord[],
  { range }: Gateway,
): Route {
  const now = systemClock.now();
  const ports = allocateRoute(contract, records, { range, random: systemRandom, now });
  if (ports === undefined) throw new Error('no ports are free');
  const { ipv4, ipv6, mac, ssh, hostKey } = instance;
  return {
    ...ports,
    contract,
    machine: {
      ipv4: ssh?.host ?? ipv4 ?? '',
      sshPort: ssh?.port ?? 22,
      ...(ipv6 === undefined ? {} : { ipv6 }),
      ...(mac === undefined ? {} : { mac }),
      ...(hostKey === undefined ? {} : { hostKey }),
    },
  };
}

async function prove(route: Route, { port }: Gateway, signal: AbortSignal): Promise<Proof> {
  const end = systemClock.monotonic() + PROVE_WITHIN_MS;
  for (;;) {
    const proof = await port.prove(route, signal);
    if (proof.ok || systemClock.monotonic() >= end) return proof;
    await sleep(systemClock, PROVE_AGAIN_MS, signal);
  }
}

async function tryName(
  slug: string,
  { dcId, port }: Gateway,
  platform: PlatformClient,
  trial: GatewayTrial,
): Promise<void> {
  const { signal, tell } = trial;
  try {
    const made = await platform.createDns({ slug, dcId, publicIp: port.publicIp }, signal);
    tell(
      made.outcome === 'done' ? `the platform made the name ${made.subdomain}` : 'the platform has the name already',
    );
  } finally {
    await platform.deleteDns({ slug, dcId }, AbortSignal.timeout(30_000));
    tell('the name is removed again');
  }
}
