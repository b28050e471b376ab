import { isIPv4, isIPv6 } from 'node:net';
import type { ExternalId, Instance, OwnerStamp, PowerState } from '../../src/provisioner/index.ts';
import { type DockerSettings, publicAddress } from './schema.ts';
import { stampedPort, stampedUser } from './stamp.ts';
import type { InspectedContainer, ListedContainer } from './wire.ts';

/**
 * A container as the agent sees it. Its address is the one that outsiders use together with the published port: the address on
 * the Docker network is reachable by nobody else and would only mislead.
 */
export function listedInstance(container: ListedContainer, stamp: OwnerStamp, settings: DockerSettings): Instance {
  return instance(container.Id, container.State, container.Labels, stamp, settings);
}

/** The same from the engine's closer look, which also tells since when it runs. */
export function inspectedInstance(
  container: InspectedContainer,
  stamp: OwnerStamp,
  settings: DockerSettings,
  now: number,
): Instance {
  const base = instance(container.Id, container.State.Status, container.Config.Labels, stamp, settings);
  const startedAt = Date.parse(container.State.StartedAt ?? '');
  if (base.power !== 'running' || Number.isNaN(startedAt)) return base;
  return { ...base, uptimeMs: Math.max(0, now - startedAt) };
}

/** What is wrong with a machine that exists; undefined when nothing shows. */
export function ailment({ State }: InspectedContainer): string | undefined {
  if (State.Status === 'restarting') return `its first process keeps ending, last with code ${State.ExitCode ?? '?'}`;
  if (State.Status === 'dead') return 'Docker could not remove it completely';
  if (State.Status === 'paused') return 'somebody has paused it';
  if (State.OOMKilled === true && State.Status !== 'running') return 'it ended because its memory was used up';
  if (State.Health?.Status === 'unhealthy') return "the image's own health check fails";
  return undefined;
}

function instance(
  id: string,
  state: string,
  labels: Readonly<Record<string, string>>,
  stamp: OwnerStamp,
  settings: DockerSettings,
): Instance {
  const host = publicAddress(settings);
  const port = stampedPort(labels);
  return {
    externalId: id as ExternalId,
    stamp,
    power: power(state),
    ...(isIPv4(host) ? { ipv4: host } : {}),
    ...(isIPv6(host) ? { ipv6: host } : {}),
    ...(port === undefined ? {} : { ssh: { host, port, user: stampedUser(labels) } }),
  };
}

/** A paused container answers nobody, so it counts as off: starting it wakes it. */
function power(state: string): PowerState {
  if (state === 'running') return 'running';
  if (state === 'created' || state === 'exited' || state === 'paused' || state === 'dead') return 'stopped';
  if (state === 'restarting' || state === 'removing') return 'transition';
  return 'unknown';
}
