import { z } from 'zod';
import type { Plan } from '../actions.ts';
import { attach, newPrimaryIp } from '../addresses.ts';
import { HetznerRefusal, invalid, notFound, type Reply } from '../api.ts';
import { type Call, id, idOrName } from '../call.ts';
import { DEPRECATED_IMAGE_MS, LOCATIONS } from '../catalogue.ts';
import { type Cloud, isIdOrName, refuseAboveLimit, refuseTakenName } from '../cloud.ts';
import { FIREWALLS_PER_SERVER } from '../firewall-rules.ts';
import { labels } from '../labels.ts';
import { newServer } from '../new-server.ts';
import { about, become, startPlan, switchOff } from '../power.ts';
import { freeAddress, joinNetwork } from '../private-nets.ts';
import type { Image, Location, PrimaryIp, Server, ServerType, SshKey, Volume } from '../state.ts';
import { actionView, isRetired, serverView } from '../views.ts';

const USER_DATA_BYTES = 32 * 1024;
/** A spread group keeps its servers on different hosts, and there are only so many. */
const SERVERS_PER_GROUP = 10;

export const serverName = z
  .string()
  .max(253)
  .regex(/^[A-Za-z0-9]([-A-Za-z0-9]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9]([-A-Za-z0-9]{0,61}[A-Za-z0-9])?)*$/, {
    message: 'must be a valid hostname',
  });

export const userData = z
  .string()
  .refine((text) => Buffer.byteLength(text) <= USER_DATA_BYTES, 'is too long: at most 32 KiB');

const order = z.object({
  name: serverName,
  server_type: idOrName,
  image: idOrName,
  location: idOrName.nullish(),
  start_after_create: z.boolean().nullish(),
  ssh_keys: z.array(idOrName).nullish(),
  volumes: z.array(id).nullish(),
  networks: z.array(id).nullish(),
  firewalls: z
    .array(z.object({ firewall: id }))
    .max(FIREWALLS_PER_SERVER)
    .nullish(),
  placement_group: id.nullish(),
  user_data: userData.nullish(),
  labels: labels.nullish(),
  automount: z.boolean().nullish(),
  public_net: z
    .object({
      enable_ipv4: z.boolean().default(true),
      enable_ipv6: z.boolean().default(true),
      ipv4: id.nullish(),
      ipv6: id.nullish(),
    })
    .nullish(),
});

type Order = z.infer<typeof order>;

/** `POST /servers`. Everything is checked before anything is made. */
export function createServer(call: Call): Reply {
  const { cloud } = call;
  const given = call.body(order);
  const parts = gather(cloud, given);
  const server = make(cloud, given, parts, call);
  const [first, ...rest] = cloud.actions.start(plans(cloud, given, parts, server), call.fate);
  return {
    status: 201,
    body: {
      server: serverView(cloud, server),
      action: first && actionView(cloud, first),
      next_actions: rest.map((action) => actionView(cloud, action)),
      // Told once, and only when no key was named.
      root_password: server.rootPassword ?? null,
    },
  };
}

interface Parts {
  readonly type: ServerType;
  readonly location: Location;
  readonly image: Image;
  readonly keys: readonly SshKey[];
  readonly volumes: readonly Volume[];
  readonly addresses: Readonly<Record<'ipv4' | 'ipv6', PrimaryIp | 'new' | 'none'>>;
}

/** Finds what the order names and refuses what cannot be. */
function gather(cloud: Cloud, given: Order): Parts {
  const { project } = cloud;
  refuseTakenName(project.servers, given.name, 'server');
  const type = cloud.types.find((one) => isIdOrName(one, given.server_type));
  if (!type) throw notFound('server type');
  if (isRetired(cloud, type)) throw invalid('server_type', `server type ${type.name} is deprecated`);
  const image = findImage(cloud, given.image, type);
  const wanted = given.location ?? undefined;
  const location = LOCATIONS.find((one) =>
    wanted === undefined ? cloud.stockOf(type, one.name) === 'in-stock' : isIdOrName(one, wanted),
  );
  if (!location && wanted !== undefined) throw notFound('location');
  if (!location || cloud.stockOf(type, location.name) !== 'in-stock') {
    throw new HetznerRefusal('resource_unavailable', 'error during placement');
  }
  const keys = (given.ssh_keys ?? []).map((wanted) => {
    const key = [...project.sshKeys.values()].find((one) => isIdOrName(one, wanted));
    if (!key) throw notFound(`SSH key '${wanted}'`);
    return key;
  });
  for (const { firewall } of given.firewalls ?? []) if (!project.firewalls.has(firewall)) throw notFound('firewall');
  for (const network of given.networks ?? []) freeAddress(cloud, network);
  const volumes = (given.volumes ?? []).map((number) => {
    const volume = project.volumes.get(number);
    if (!volume) throw notFound('volume');
    if (volume.location.id !== location.id) throw invalid('volumes', 'volume is in another location');
    if (volume.server !== undefined) throw invalid('volumes', 'volume is already attached');
    return volume;
  });
  refuseFullGroup(cloud, given.placement_group ?? undefined);
  refuseAboveLimit(project.servers.size, cloud.limits.servers, 'server', 'server_limit');
  return { type, image, location, keys, volumes, addresses: chooseAddresses(cloud, given, location) };
}

/** A name means the image of the type's architecture; an id means exactly that image, which must fit. */
function findImage({ project, clock }: Cloud, wanted: string | number, type: ServerType): Image {
  const named = [...project.images.values()].filter((one) => isIdOrName(one, wanted));
  if (named.length === 0) throw notFound('image');
  const image = named.find(({ architecture }) => architecture === type.architecture);
  if (!image) throw invalid('image', `image architecture does not match server type ${type.name}`);
  if (image.status !== 'available') throw invalid('image', 'image is not available');
  if (image.deprecated !== null && clock.now() - image.deprecated > DEPRECATED_IMAGE_MS) {
    throw invalid('image', 'image is deprecated');
  }
  if (image.disk_size > type.disk) throw invalid('image', 'image disk is bigger than server type disk');
  return image;
}

function refuseFullGroup({ project }: Cloud, group: number | undefined): void {
  if (group === undefined) return;
  if (!project.placementGroups.has(group)) throw notFound('placement group');
  const members = [...project.servers.values()].filter((server) => server.placementGroup === group);
  if (members.length >= SERVERS_PER_GROUP) throw new HetznerRefusal('placement_error', 'placement group is full');
}

function chooseAddresses(cloud: Cloud, given: Order, location: Location): Parts['addresses'] {
  const net = given.public_net ?? { enable_ipv4: true, enable_ipv6: true, ipv4: null, ipv6: null };
  const choose = (type: 'ipv4' | 'ipv6', enabled: boolean): PrimaryIp | 'new' | 'none' => {
    if (!enabled) return 'none';
    const wanted = net[type];
    if (wanted === null || wanted === undefined) return 'new';
    const ip = cloud.project.primaryIps.get(wanted);
    if (!ip) throw notFound('primary IP');
    if (ip.type !== type) throw new HetznerRefusal('primary_ip_version_mismatch', 'primary IP has the wrong version');
    if (ip.assignee !== undefined) throw new HetznerRefusal('primary_ip_assigned', 'primary IP is already assigned');
    if (ip.location.id !== location.id) {
      throw new HetznerRefusal('primary_ip_datacenter_mismatch', 'primary IP is in a different location');
    }
    return ip;
  };
  const addresses = { ipv4: choose('ipv4', net.enable_ipv4), ipv6: choose('ipv6', net.enable_ipv6) };
  const unreachable = addresses.ipv4 === 'none' && addresses.ipv6 === 'none' && (given.networks ?? []).length === 0;
  if (unreachable) throw invalid('public_net', 'server needs at least one network interface');
  if (addresses.ipv4 === 'new') {
    const count = [...cloud.project.primaryIps.values()].filter(({ type }) => type === 'ipv4').length;
    refuseAboveLimit(count, cloud.limits.primaryIps, 'Primary IP', 'primary_ip_limit');
  }
  return addresses;
}

function make(cloud: Cloud, given: Order, parts: Parts, { fate }: Call): Server {
  const { type, image, location, keys } = parts;
  const server = newServer(cloud, {
    name: given.name,
    type,
    location,
    image,
    labels: given.labels ?? {},
    userData: given.user_data ?? '',
    publicKeys: keys.map(({ publicKey }) => publicKey),
    rootPassword: keys.length > 0 ? undefined : newPassword(cloud),
    placementGroup: given.placement_group ?? undefined,
    boots: fate.kind !== 'stays-off',
  });
  for (const type of ['ipv4', 'ipv6'] as const) {
    const chosen = parts.addresses[type];
    if (chosen === 'none') continue;
    // What the provider makes by itself goes with the server; what the customer made stays.
    const ip = chosen === 'new' ? newPrimaryIp(cloud, { type, location, labels: {}, autoDelete: true }) : chosen;
    attach(ip, server);
  }
  for (const network of given.networks ?? []) joinNetwork(server, network, freeAddress(cloud, network));
  for (const { firewall } of given.firewalls ?? []) {
    cloud.project.firewalls.get(firewall)?.servers.set(server.id, 'pending');
  }
  cloud.changed(server);
  return server;
}

function plans(cloud: Cloud, given: Order, { image, volumes }: Parts, server: Server): Plan[] {
  const { timings } = cloud.options;
  const create: Plan = {
    command: 'create_server',
    resources: [about(server), { id: image.id, type: 'image' }],
    ms: image.type === 'snapshot' || image.type === 'backup' ? timings.createFromSnapshotMs : timings.createMs,
    done() {
      for (const firewall of cloud.project.firewalls.values()) {
        if (firewall.servers.has(server.id)) firewall.servers.set(server.id, 'applied');
      }
      become(cloud, server, 'off');
    },
    // The half-made server stays, off and billed, until somebody deletes it.
    failed: () => switchOff(cloud, server),
  };
  const networks = (given.networks ?? []).map(
    (network): Plan => ({
      command: 'attach_to_network',
      resources: [about(server), { id: network, type: 'network' }],
      ms: timings.quickMs,
    }),
  );
  const attachments = volumes.map(
    (volume): Plan => ({
      command: 'attach_volume',
      resources: [about(server), { id: volume.id, type: 'volume' }],
      ms: timings.volumeMs,
      done: () => {
        volume.server = server.id;
      },
    }),
  );
  return [
    create,
    ...networks,
    ...attachments,
    ...(given.start_after_create === false ? [] : [startPlan(cloud, server)]),
  ];
}

export function newPassword({ random }: Cloud): string {
  const letters = 'abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789';
  return [...random.bytes(20)].map((byte) => letters[byte % letters.length]).join('');
}
