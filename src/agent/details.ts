import {
  type CloudInitEnd,
  type ContractRecord,
  type HostKeyTrust,
  type InstanceData,
  isBehindHost,
  type RouteData,
  routeOf,
} from '../lifecycle/index.ts';
import type { InstanceDetails } from '../platform/api.ts';
import type { GatewayDeps } from './deps.ts';

/**
 * What the tenant is told: where the machine is, how to know that it is the one, how its deployment ended, and, behind this host, the
 * ports and the name that lead to it. The platform keeps it in clear, and for good: nothing secret, nothing that a machine printed.
 */
export function details(
  record: ContractRecord,
  instance: InstanceData,
  gateway: GatewayDeps | undefined,
): InstanceDetails {
  const routed = gateway !== undefined && record.route !== undefined && isBehindHost(instance);
  const publicIp = routed ? gateway.port.publicIp : instance.publicIp;
  return {
    external_id: instance.externalId,
    ip_address: instance.ipv4 ?? instance.ssh?.host ?? null,
    ipv6_address: instance.ipv6 ?? null,
    ...(publicIp === undefined ? {} : { public_ip: publicIp }),
    // Shown beside the public address, so it has to be the port there.
    ssh_port: (routed ? record.route?.firstPort : instance.ssh?.port) ?? null,
    // Never here: the platform stores this object in clear. A password goes through the call that encrypts it.
    root_password: null,
    additional_details: notes(record, instance),
    ...(routed && record.route !== undefined ? routeDetails(record, record.route, gateway) : {}),
  };
}

/** One fact on each line; a NUL would be refused by the platform's database after the status has changed. */
function notes({ hostKey, hostKeyTrust, cloudInit, recipe }: ContractRecord, instance: InstanceData): string | null {
  const lines = [
    instance.additionalDetails,
    instance.ssh === undefined ? undefined : `SSH user: ${instance.ssh.user}`,
    hostKey === undefined ? undefined : `SSH host key: ${hostKey} (${SURE[hostKeyTrust ?? 'first-use']})`,
    cloudInit === undefined ? undefined : SETUP[cloudInit],
    recipe?.summary,
  ].filter((line) => line !== undefined && line !== '');
  return lines.length === 0 ? null : lines.join('\n').replaceAll('\0', '');
}

const SURE: Readonly<Record<HostKeyTrust, string>> = {
  given: 'made by the provider for this machine',
  told: 'told by the backend',
  'first-use': 'seen at the first connection, not verified',
};

/** What of the first boot the tenant should look at; nothing of what the machine printed. */
const SETUP: Readonly<Record<CloudInitEnd, string | undefined>> = {
  done: undefined,
  failed: 'cloud-init ended with errors: cloud-init status --long',
  unfinished: 'cloud-init was still at work at hand-over: cloud-init status --wait',
  unseen: 'cloud-init may still be at work: cloud-init status --wait',
};

/** One key of a wrong type would cost all of them, silently: strings and whole numbers up to 65535. The range includes its end. */
function routeDetails(
  record: ContractRecord,
  { slug, firstPort, portCount }: RouteData,
  gateway: GatewayDeps,
): Partial<InstanceDetails> {
  const route = routeOf(record);
  const name = route === undefined ? undefined : gateway.port.nameOf(route);
  return {
    gateway_slug: slug,
    ...(name === undefined ? {} : { gateway_subdomain: name }),
    gateway_ssh_port: firstPort,
    gateway_port_range_start: firstPort,
    gateway_port_range_end: firstPort + portCount - 1,
  };
}
