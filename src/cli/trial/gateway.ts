import { type AgentDeps, takenAddresses } from '../../agent/index.ts';
import type { Config, TargetConfig } from '../../config/types.ts';
import { testAddress } from '../../gateway/ipam.ts';
import type { Proof, Route } from '../../gateway/port.ts';
import { sshFingerprint, sshKeyBlob } from '../../guest/index.ts';
import { allocateRoute, type ContractRecord, isBehindHost, openRoutes } from '../../lifecycle/index.ts';
import type { PlatformClient } from '../../platform/client.ts';
import {
  type ContractId,
  type Instance,
  type StaticAddress,
  sleep,
  systemClock,
  systemRandom,
} from '../../provisioner/index.ts';
import { AgentNotRunning, readLocalStatus } from '../../telemetry/local-client.ts';
import { Failure } from '../failure.ts';
import { gatewayDeps } from '../gateway.ts';
import { socketPath } from '../places.ts';
import { readRecords } from '../records.ts';
import { storedTrials } from './record.ts';
import type { Reaching, TrialInput } from './trial.ts';

const PROVE_WITHIN_MS = 120_000;
const PROVE_AGAIN_MS = 2_000;

/** `through`: its ports are opened and proved, and with a platform its name is made. `around`: they are another test's business. */
export type GatewayTrial =
  | { readonly kind: 'around' }
  | { readonly kind: 'through'; readonly platform?: PlatformClient };

/** How a test machine gets its address, and is gone to, on a host that may be a gateway. */
export function gatewayWays(
  config: Config,
  target: TargetConfig,
  trial: GatewayTrial,
): Pick<TrialInput, 'address' | 'reach'> {
  const { gateway } = config;
  if (gateway === undefined || gateway.targets?.includes(target.name) === false) return {};
  return {
    address: () => freeForTest(config),
    async reach(instance, contract, doing) {
      if (!isBehindHost(instance)) {
        if (trial.kind === 'through') doing.tell('it needs no ports here: it is reached by its own address');
        return doing.loggedIn(instance.ssh);
      }
      if (trial.kind === 'through') return tryGateway(instance, contract, { config, ...trial, ...doing });
      // Without a route nothing reaches it, this host included.
      doing.tell('nobody has looked inside: it is behind this host’s ports, which --test-gateway tries as well');
    },
  };
}

async function freeForTest({ agent, gateway }: Config): Promise<StaticAddress | undefined> {
  if (gateway === undefined) return undefined;
  const records = (await readRecords(agent.stateDir))?.records.values() ?? [];
  // Kept machines of earlier tests have theirs still.
  const earlier = (await storedTrials(agent.stateDir)).records.flatMap(({ ipv4 }) =>
    ipv4 === undefined ? [] : { ipv4 },
  );
  const address = testAddress(gateway.tenantNetwork, [...takenAddresses(records), ...earlier], systemRandom);
  if (address === undefined) throw new Failure({ what: `no address is free in ${gateway.tenantNetwork}` });
  return address;
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

interface Doing extends Reaching {
  readonly config: Config;
  readonly platform?: PlatformClient;
}

/** Gives a test machine ports beside those of all contracts, proves that they lead to it, and takes them away again, whatever happens. */
async function tryGateway(instance: Instance, contract: ContractId, doing: Doing): Promise<void> {
  const { config, loggedIn, platform, signal, tell } = doing;
  const { gateway } = gatewayDeps(config);
  if (gateway === undefined) throw new Error('there is no [gateway]');
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
    await loggedIn(instance.ssh && { ...instance.ssh, host: gateway.port.publicIp, port: route.firstPort });
    if (platform !== undefined && gateway.dns === 'platform') await tryName(route.slug, gateway, platform, doing);
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
      ...(hostKey === undefined ? {} : { hostKey: sshFingerprint(sshKeyBlob(hostKey)) }),
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
  { signal, tell }: Reaching,
): Promise<void> {
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
