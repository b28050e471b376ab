import { z } from 'zod';
import { attach, detach, newPrimaryIp } from '../addresses.ts';
import { HetznerRefusal, invalid, type Reply } from '../api.ts';
import { type Call, type Endpoint, idOrName, id as idSchema } from '../call.ts';
import { LOCATIONS } from '../catalogue.ts';
import { type Cloud, isIdOrName, refuseAboveLimit, refuseIfProtected, refuseTakenName, serverOf } from '../cloud.ts';
import { labels } from '../labels.ts';
import { BY_CREATED } from '../listing.ts';
import { about, quickPlan } from '../power.ts';
import type { PrimaryIp, Server } from '../state.ts';
import { actionView, primaryIpView } from '../views.ts';
import { existing, reading } from './collection.ts';
import { refuseUnlessOff } from './server-order.ts';

export const primaryIpEndpoints: readonly Endpoint[] = [
  ...reading<PrimaryIp>({
    path: '/primary_ips',
    one: 'primary_ip',
    many: 'primary_ips',
    sortBy: BY_CREATED,
    rows: ({ project }) => project.primaryIps.values(),
    view: (_cloud, ip) => primaryIpView(ip),
    filter(query) {
      const address = query.get('ip');
      return (ip) => address === null || ip.ip === address;
    },
  }),
  { call: 'POST /primary_ips', handle: create },
  { call: 'PUT /primary_ips/{id}', handle: update },
  { call: 'DELETE /primary_ips/{id}', handle: remove },
  { call: 'POST /primary_ips/{id}/actions/assign', handle: assign },
  { call: 'POST /primary_ips/{id}/actions/unassign', handle: unassign },
  { call: 'POST /primary_ips/{id}/actions/change_protection', handle: protect },
];

const order = z.object({
  name: z.string().min(1),
  type: z.enum(['ipv4', 'ipv6']),
  labels: labels.nullish(),
  location: idOrName.nullish(),
  assignee_type: z.literal('server').nullish(),
  assignee_id: idSchema.nullish(),
  auto_delete: z.boolean().default(false),
});

/** What a customer makes stays when its server goes, unless `auto_delete` says otherwise. */
function create({ cloud, body, fate }: Call): Reply {
  const given = body(order);
  refuseTakenName(cloud.project.primaryIps, given.name, 'primary IP');
  refuseAboveLimit(cloud.project.primaryIps.size, cloud.limits.primaryIps, 'Primary IP', 'primary_ip_limit');
  const server = typeof given.assignee_id === 'number' ? serverOf(cloud, given.assignee_id) : undefined;
  if (server) refuseAssignment(server, given.type);
  const wanted = given.location;
  const place = LOCATIONS.find((one) => wanted !== null && wanted !== undefined && isIdOrName(one, wanted));
  const location = server?.location ?? place;
  if (!location) throw invalid('location', 'is required when nothing is assigned');
  const { name, type, auto_delete: autoDelete } = given;
  const ip = newPrimaryIp(cloud, { name, type, location, autoDelete, labels: given.labels ?? {} });
  if (!server) return { status: 201, body: { primary_ip: primaryIpView(ip), action: null } };
  attach(ip, server);
  const [action] = cloud.actions.start([assignment(cloud, 'assign_primary_ip', ip, server, () => {})], fate);
  return { status: 201, body: { primary_ip: primaryIpView(ip), action: action && actionView(cloud, action) } };
}

const change = z.object({
  name: z.string().min(1).nullish(),
  labels: labels.nullish(),
  auto_delete: z.boolean().nullish(),
});

function update({ cloud, id, body }: Call): Reply {
  const ip = existing(cloud.project.primaryIps, id, 'primary IP');
  const given = body(change);
  if (typeof given.name === 'string') {
    refuseTakenName(cloud.project.primaryIps, given.name, 'primary IP', ip.id);
    ip.name = given.name;
  }
  if (given.labels) ip.labels = given.labels;
  if (typeof given.auto_delete === 'boolean') ip.autoDelete = given.auto_delete;
  return { status: 200, body: { primary_ip: primaryIpView(ip) } };
}

function remove({ cloud, id }: Call): Reply {
  const ip = existing(cloud.project.primaryIps, id, 'primary IP');
  refuseIfProtected(ip);
  if (ip.assignee !== undefined) throw new HetznerRefusal('must_be_unassigned', 'primary IP must be unassigned');
  cloud.project.primaryIps.delete(id);
  return { status: 204 };
}

const target = z.object({ assignee_id: idSchema, assignee_type: z.literal('server') });

function assign({ cloud, id, body, fate }: Call): Reply {
  const ip = existing(cloud.project.primaryIps, id, 'primary IP');
  const server = serverOf(cloud, body(target).assignee_id);
  if (ip.assignee !== undefined) {
    throw new HetznerRefusal('primary_ip_already_assigned', 'primary IP is already assigned');
  }
  if (ip.location.id !== server.location.id) throw invalid('assignee_id', 'server is in another location');
  refuseAssignment(server, ip.type);
  const plan = assignment(cloud, 'assign_primary_ip', ip, server, () => attach(ip, server));
  const [action] = cloud.actions.start([plan], fate);
  return { status: 201, body: { action: action && actionView(cloud, action) } };
}

function unassign({ cloud, id, fate }: Call): Reply {
  const ip = existing(cloud.project.primaryIps, id, 'primary IP');
  if (ip.assignee === undefined) throw invalid('id', 'primary IP is not assigned');
  const server = serverOf(cloud, ip.assignee);
  refuseUnlessOff(server);
  const plan = assignment(cloud, 'unassign_primary_ip', ip, server, () => detach(cloud, ip));
  const [action] = cloud.actions.start([plan], fate);
  return { status: 201, body: { action: action && actionView(cloud, action) } };
}

function protect({ cloud, id, fate, body }: Call): Reply {
  const ip = existing(cloud.project.primaryIps, id, 'primary IP');
  const given = body(z.object({ delete: z.boolean().default(ip.protection.delete) }));
  if (given.delete && ip.autoDelete) throw invalid('delete', 'auto_delete must be off');
  const plan = quickPlan(cloud, 'change_protection', [{ id, type: 'primary_ip' }], () => {
    ip.protection.delete = given.delete;
  });
  const [action] = cloud.actions.start([plan], fate);
  return { status: 201, body: { action: action && actionView(cloud, action) } };
}

function refuseAssignment(server: Server, type: PrimaryIp['type']): void {
  refuseUnlessOff(server);
  if (server[type] === undefined) return;
  const code = type === 'ipv4' ? 'server_has_ipv4' : 'server_has_ipv6';
  throw new HetznerRefusal(code, `the server already has an ${type} address`);
}

function assignment(cloud: Cloud, command: string, ip: PrimaryIp, server: Server, done: () => void) {
  return quickPlan(cloud, command, [{ id: ip.id, type: 'primary_ip' }, about(server)], done);
}
