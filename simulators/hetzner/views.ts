import { progressOf } from './actions.ts';
import { firstOf } from './addresses.ts';
import { LOCATIONS } from './catalogue.ts';
import type { Cloud } from './cloud.ts';
import { firewallsOf, serversOf } from './firewall-rules.ts';
import { price, trafficPrice } from './money.ts';
import { rescueEnabled } from './power.ts';
import type {
  Action,
  Firewall,
  Image,
  Network,
  PlacementGroup,
  PrimaryIp,
  Server,
  ServerType,
  SshKey,
  Volume,
} from './state.ts';
import { countTraffic } from './traffic.ts';

/** How the API shows each kind of thing. */

export function actionView(cloud: Cloud, action: Action): object {
  return {
    id: action.id,
    command: action.command,
    status: action.status,
    progress: progressOf(action, cloud.clock.now()),
    started: time(action.started),
    finished: action.finished === undefined ? null : time(action.finished),
    resources: action.resources,
    error: action.error,
  };
}

export function serverView(cloud: Cloud, server: Server): object {
  countTraffic(cloud, server);
  const { project } = cloud;
  const group = server.placementGroup === undefined ? undefined : project.placementGroups.get(server.placementGroup);
  const traffic = (bytes: number): number | null =>
    server.traffic.known && !server.traffic.hidden ? Math.floor(bytes) : null;
  return {
    id: server.id,
    name: server.name,
    status: server.status,
    created: time(server.created),
    public_net: {
      ipv4: ipv4View(cloud, server),
      ipv6: ipv6View(cloud, server),
      floating_ips: [],
      firewalls: firewallsOf(cloud, server).map(({ firewall, status }) => ({ id: firewall.id, status })),
    },
    private_net: server.privateNets.map(({ network, ip, mac }) => ({ network, ip, alias_ips: [], mac_address: mac })),
    server_type: typeView(cloud, server.type),
    location: server.location,
    image: server.image && project.images.has(server.image.id) ? imageView(server.image) : null,
    iso: null,
    rescue_enabled: rescueEnabled(cloud, server),
    locked: cloud.actions.busy('server', server.id),
    backup_window: server.backups ? '22-02' : null,
    outgoing_traffic: traffic(server.traffic.bytesOut),
    ingoing_traffic: traffic(server.traffic.bytesIn),
    included_traffic: trafficPrice(server.type, server.location.name).included_traffic,
    protection: { ...server.protection },
    labels: server.labels,
    volumes: [...project.volumes.values()].filter((volume) => volume.server === server.id).map(({ id }) => id),
    load_balancers: [],
    primary_disk_size: server.diskGb,
    placement_group: group ? placementGroupView(cloud, group) : null,
  };
}

function ipv4View({ project }: Cloud, server: Server): object | null {
  const ip = project.primaryIps.get(server.ipv4 ?? 0);
  return ip ? { id: ip.id, ip: ip.ip, blocked: ip.blocked, dns_ptr: ip.names.get(ip.ip) ?? defaultName(ip) } : null;
}

function ipv6View({ project }: Cloud, server: Server): object | null {
  const ip = project.primaryIps.get(server.ipv6 ?? 0);
  return ip ? { id: ip.id, ip: ip.ip, blocked: ip.blocked, dns_ptr: ip.names.size > 0 ? namesView(ip) : null } : null;
}

function defaultName(ip: PrimaryIp): string {
  return `static.${ip.ip.split('.').reverse().join('.')}.clients.your-server.de`;
}

function namesView(ip: PrimaryIp): object[] {
  return [...ip.names].map(([address, name]) => ({ ip: address, dns_ptr: name }));
}

export function typeView(cloud: Cloud, type: ServerType): object {
  const deprecation = type.deprecation ?? null;
  return {
    id: type.id,
    name: type.name,
    description: type.description,
    cores: type.cores,
    memory: type.memory,
    disk: type.disk,
    deprecated: deprecation !== null,
    deprecation,
    prices: pricesOf(type),
    storage_type: 'local',
    cpu_type: type.cpuType,
    category: type.category,
    architecture: type.architecture,
    locations: LOCATIONS.filter(({ name }) => type.locations.includes(name)).map(({ id, name }) => ({
      id,
      name,
      deprecation,
      recommended: deprecation === null && type.cpuType === 'shared',
      available: !isRetired(cloud, type) && cloud.stockOf(type, name) !== 'sold-out',
    })),
  };
}

export function isRetired({ clock }: Cloud, { deprecation }: ServerType): boolean {
  return deprecation !== undefined && Date.parse(deprecation.unavailable_after) <= clock.now();
}

/** One row for each location that has the type. A row proves no stock. */
export function pricesOf(type: ServerType): object[] {
  return type.locations.map((location) => ({ location, ...price(type, location), ...trafficPrice(type, location) }));
}

export function imageView({ contents: _hidden, ...image }: Image): object {
  return {
    ...image,
    created: time(image.created),
    deprecated: image.deprecated === null ? null : time(image.deprecated),
    deleted: null,
  };
}

export function sshKeyView({ id, name, fingerprint, publicKey, labels, created }: SshKey): object {
  return { id, name, fingerprint, public_key: publicKey, labels, created: time(created) };
}

export function primaryIpView(ip: PrimaryIp): object {
  return {
    id: ip.id,
    name: ip.name,
    type: ip.type,
    ip: ip.ip,
    location: ip.location,
    created: time(ip.created),
    labels: ip.labels,
    blocked: ip.blocked,
    auto_delete: ip.autoDelete,
    // The document still knows `server` alone; since August 2026 free addresses say this.
    assignee_type: ip.assignee === undefined ? 'unassigned' : 'server',
    assignee_id: ip.assignee ?? null,
    protection: { ...ip.protection },
    dns_ptr:
      ip.type === 'ipv4' && ip.names.size === 0 ? [{ ip: firstOf(ip), dns_ptr: defaultName(ip) }] : namesView(ip),
  };
}

export function volumeView(volume: Volume): object {
  return {
    id: volume.id,
    name: volume.name,
    created: time(volume.created),
    location: volume.location,
    size: volume.size,
    server: volume.server ?? null,
    status: volume.status,
    format: volume.format,
    labels: volume.labels,
    protection: { ...volume.protection },
    linux_device: `/dev/disk/by-id/scsi-0HC_Volume_${volume.id}`,
  };
}

export function firewallView(cloud: Cloud, firewall: Firewall): object {
  return {
    id: firewall.id,
    name: firewall.name,
    created: time(firewall.created),
    labels: firewall.labels,
    rules: firewall.rules,
    applied_to: [
      ...[...firewall.servers.keys()].map((id) => ({ type: 'server', server: { id } })),
      ...[...firewall.selectors].map((text) => ({
        type: 'label_selector',
        label_selector: { selector: text },
        applied_to_resources: serversOf(cloud, text).map(({ id }) => ({ type: 'server', server: { id } })),
      })),
    ],
  };
}

export function placementGroupView({ project }: Cloud, group: PlacementGroup): object {
  const members = [...project.servers.values()].filter((server) => server.placementGroup === group.id);
  const { id, name, labels, created } = group;
  return { id, name, labels, type: 'spread', created: time(created), servers: members.map((server) => server.id) };
}

export function networkView({ project }: Cloud, network: Network): object {
  const members = [...project.servers.values()].filter((server) =>
    server.privateNets.some((net) => net.network === network.id),
  );
  return {
    id: network.id,
    name: network.name,
    ip_range: network.ipRange,
    subnets: network.subnets.map(({ ipRange, zone }) => ({
      type: 'cloud',
      ip_range: ipRange,
      network_zone: zone,
      gateway: ipRange.replace(/\d+\/\d+$/, '1'),
      vswitch_id: null,
    })),
    routes: [],
    servers: members.map((server) => server.id),
    load_balancers: [],
    protection: { ...network.protection },
    labels: network.labels,
    created: time(network.created),
    expose_routes_to_vswitch: false,
  };
}

function time(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z');
}
