import { z } from 'zod';
import { detach } from '../addresses.ts';
import type { Reply } from '../api.ts';
import type { Call, Endpoint } from '../call.ts';
import { type Cloud, refuseIfBusy, refuseIfProtected, refuseTakenName, serverOf } from '../cloud.ts';
import { labels } from '../labels.ts';
import { among, BY_CREATED, matching, page } from '../listing.ts';
import { about, become } from '../power.ts';
import type { Server, ServerStatus } from '../state.ts';
import { actionView, serverView } from '../views.ts';
import { createServer, serverName } from './create-server.ts';
import { metrics } from './metrics.ts';

const STATUSES: readonly ServerStatus[] = [
  'running',
  'initializing',
  'starting',
  'stopping',
  'off',
  'deleting',
  'migrating',
  'rebuilding',
  'unknown',
];

export const serverEndpoints: readonly Endpoint[] = [
  { call: 'GET /servers', handle: list },
  { call: 'POST /servers', handle: createServer },
  { call: 'GET /servers/{id}', handle: ({ cloud, id }) => shown(cloud, serverOf(cloud, id)) },
  { call: 'PUT /servers/{id}', handle: update },
  { call: 'DELETE /servers/{id}', handle: remove },
  { call: 'GET /servers/{id}/metrics', handle: metrics },
];

function list({ cloud, query, path }: Call): Reply {
  const wanted = among(query, 'status', STATUSES);
  const rows = matching(cloud.project.servers.values(), query).filter(({ status }) => wanted(status));
  const view = (server: Server): object => serverView(cloud, server);
  return page({ key: 'servers', rows, query, path, sortBy: BY_CREATED, view });
}

const change = z.object({ name: serverName.nullish(), labels: labels.nullish() });

/** Labels are replaced as a whole. */
function update({ cloud, id, body }: Call): Reply {
  const server = serverOf(cloud, id);
  const given = body(change);
  if (typeof given.name === 'string') {
    refuseTakenName(cloud.project.servers, given.name, 'server', server.id);
    server.name = given.name;
  }
  if (given.labels) server.labels = given.labels;
  cloud.changed(server);
  return shown(cloud, server);
}

/** The server, and with it its name, is there until the action is over. */
function remove({ cloud, id, fate }: Call): Reply {
  const server = serverOf(cloud, id);
  refuseIfProtected(server);
  refuseIfBusy(cloud, 'server', id);
  const before = server.status;
  const [action] = cloud.actions.start(
    [
      {
        command: 'delete_server',
        resources: [about(server)],
        ms: cloud.options.timings.deleteMs,
        begin: () => become(cloud, server, 'deleting'),
        done: () => takeAway(cloud, server),
        failed: () => become(cloud, server, before),
      },
    ],
    fate,
  );
  return { status: 200, body: { action: action && actionView(cloud, action) } };
}

/** Ends a server at once: backups and implicit addresses go with it, everything else is detached and stays. */
export function takeAway(cloud: Cloud, server: Server): void {
  const { servers, primaryIps, volumes, images, firewalls } = cloud.project;
  servers.delete(server.id);
  cloud.actions.abandon('server', server.id);
  for (const ip of [...primaryIps.values()].filter(({ assignee }) => assignee === server.id)) {
    detach(cloud, ip);
    if (ip.autoDelete) primaryIps.delete(ip.id);
  }
  for (const volume of volumes.values()) if (volume.server === server.id) volume.server = undefined;
  for (const image of images.values()) if (image.bound_to === server.id) images.delete(image.id);
  cloud.later(cloud.options.timings.firewallReleaseMs, () => {
    for (const firewall of firewalls.values()) firewall.servers.delete(server.id);
  });
  server.startedAt = undefined;
  server.sshReadyAt = undefined;
  cloud.changed(server);
}

function shown(cloud: Cloud, server: Server): Reply {
  return { status: 200, body: { server: serverView(cloud, server) } };
}
