import { z } from 'zod';
import type { Plan } from '../actions.ts';
import { HetznerRefusal, invalid, notFound, type Reply } from '../api.ts';
import { type Call, type Endpoint, idOrName, id as idSchema } from '../call.ts';
import { LOCATIONS } from '../catalogue.ts';
import {
  type Cloud,
  isIdOrName,
  refuseAboveLimit,
  refuseIfBusy,
  refuseIfProtected,
  refuseTakenName,
  serverOf,
} from '../cloud.ts';
import { labels } from '../labels.ts';
import { among, BY_CREATED } from '../listing.ts';
import { about, quickPlan } from '../power.ts';
import type { Server, Volume } from '../state.ts';
import { actionView, volumeView } from '../views.ts';
import { existing, reading } from './collection.ts';

export const volumeEndpoints: readonly Endpoint[] = [
  ...reading<Volume>({
    path: '/volumes',
    one: 'volume',
    many: 'volumes',
    sortBy: BY_CREATED,
    rows: ({ project }) => project.volumes.values(),
    view: (_cloud, volume) => volumeView(volume),
    filter(query) {
      const status = among(query, 'status', ['available', 'creating']);
      return (volume) => status(volume.status);
    },
  }),
  { call: 'POST /volumes', handle: create },
  { call: 'PUT /volumes/{id}', handle: update },
  { call: 'DELETE /volumes/{id}', handle: remove },
  { call: 'POST /volumes/{id}/actions/attach', handle: attach },
  { call: 'POST /volumes/{id}/actions/detach', handle: detach },
  { call: 'POST /volumes/{id}/actions/resize', handle: resize },
  { call: 'POST /volumes/{id}/actions/change_protection', handle: protect },
];

const name = z.string().regex(/^[A-Za-z0-9]([-_.A-Za-z0-9]{0,62}[A-Za-z0-9])?$/, 'is not a valid volume name');
const order = z.object({
  name,
  size: z.number().int().min(10).max(10_240),
  labels: labels.nullish(),
  format: z.enum(['xfs', 'ext4']).nullish(),
  location: idOrName.nullish(),
  server: idSchema.nullish(),
  automount: z.boolean().nullish(),
});

function create({ cloud, body, fate }: Call): Reply {
  const given = body(order);
  const { volumes } = cloud.project;
  refuseTakenName(volumes, given.name, 'volume');
  refuseAboveLimit(volumes.size, cloud.limits.volumes, 'volume', 'volume_limit');
  const server = typeof given.server === 'number' ? serverOf(cloud, given.server) : undefined;
  const wanted = given.location;
  const place = LOCATIONS.find((one) => wanted !== null && wanted !== undefined && isIdOrName(one, wanted));
  const location = server?.location ?? place;
  if (!location) throw invalid('location', 'is required without a server');
  const volume: Volume = {
    id: cloud.nextId('volume'),
    name: given.name,
    created: cloud.clock.now(),
    location,
    size: given.size,
    server: undefined,
    status: 'creating',
    format: given.format ?? null,
    labels: given.labels ?? {},
    protection: { delete: false },
  };
  volumes.set(volume.id, volume);
  const making: Plan = {
    command: 'create_volume',
    resources: [{ id: volume.id, type: 'volume' }],
    ms: cloud.options.timings.volumeMs,
    done: () => {
      volume.status = 'available';
    },
    failed: () => void volumes.delete(volume.id),
  };
  const [action, ...rest] = cloud.actions.start(server ? [making, attachment(cloud, volume, server)] : [making], fate);
  return {
    status: 201,
    body: {
      volume: volumeView(volume),
      action: action && actionView(cloud, action),
      next_actions: rest.map((next) => actionView(cloud, next)),
    },
  };
}

const change = z.object({ name: name.nullish(), labels: labels.nullish() });

function update({ cloud, id, body }: Call): Reply {
  const volume = existing(cloud.project.volumes, id, 'volume');
  const given = body(change);
  if (typeof given.name === 'string') {
    refuseTakenName(cloud.project.volumes, given.name, 'volume', volume.id);
    volume.name = given.name;
  }
  if (given.labels) volume.labels = given.labels;
  return { status: 200, body: { volume: volumeView(volume) } };
}

function remove({ cloud, id }: Call): Reply {
  const volume = existing(cloud.project.volumes, id, 'volume');
  refuseIfProtected(volume);
  refuseIfBusy(cloud, 'volume', id);
  if (volume.server !== undefined) throw new HetznerRefusal('resource_in_use', 'volume is still attached to a server');
  cloud.project.volumes.delete(id);
  return { status: 204 };
}

function attach(call: Call): Reply {
  const { cloud, id, body } = call;
  const volume = existing(cloud.project.volumes, id, 'volume');
  const server = serverOf(cloud, body(z.object({ server: idSchema })).server);
  if (volume.server !== undefined) throw invalid('id', 'volume is already attached');
  if (volume.location.id !== server.location.id) throw invalid('server', 'server is in another location');
  refuseIfBusy(cloud, 'server', server.id);
  return act(call, volume, attachment(cloud, volume, server));
}

function detach(call: Call): Reply {
  const { cloud, id } = call;
  const volume = existing(cloud.project.volumes, id, 'volume');
  const server = cloud.project.servers.get(volume.server ?? 0);
  if (!server) throw notFound('server of the volume');
  return act(call, volume, {
    ...attachment(cloud, volume, server),
    command: 'detach_volume',
    done: () => {
      volume.server = undefined;
    },
  });
}

function resize(call: Call): Reply {
  const volume = existing(call.cloud.project.volumes, call.id, 'volume');
  const { size } = call.body(z.object({ size: z.number().int().max(10_240) }));
  if (size < volume.size) throw invalid('size', 'a volume cannot be made smaller');
  const done = (): void => {
    volume.size = size;
  };
  return act(call, volume, quickPlan(call.cloud, 'resize_volume', [{ id: volume.id, type: 'volume' }], done));
}

function protect(call: Call): Reply {
  const volume = existing(call.cloud.project.volumes, call.id, 'volume');
  const given = call.body(z.object({ delete: z.boolean().default(volume.protection.delete) }));
  const done = (): void => {
    volume.protection.delete = given.delete;
  };
  return act(call, volume, quickPlan(call.cloud, 'change_protection', [{ id: volume.id, type: 'volume' }], done));
}

function act({ cloud, fate }: Call, volume: Volume, plan: Plan): Reply {
  refuseIfBusy(cloud, 'volume', volume.id);
  const [action] = cloud.actions.start([plan], fate);
  return { status: 201, body: { action: action && actionView(cloud, action) } };
}

function attachment(cloud: Cloud, volume: Volume, server: Server): Plan {
  return {
    command: 'attach_volume',
    resources: [about(server), { id: volume.id, type: 'volume' }],
    ms: cloud.options.timings.volumeMs,
    done: () => {
      volume.server = server.id;
    },
  };
}
