import { HetznerRefusal, notFound, type Reply } from '../api.ts';
import type { Call, Endpoint } from '../call.ts';
import { among, page } from '../listing.ts';
import type { Action, Project, Resource } from '../state.ts';
import { actionView } from '../views.ts';
import { existing } from './collection.ts';

type Kind = Exclude<Resource['type'], 'placement_group'>;

const KINDS: readonly (readonly [string, Kind])[] = [
  ['servers', 'server'],
  ['images', 'image'],
  ['volumes', 'volume'],
  ['primary_ips', 'primary_ip'],
  ['firewalls', 'firewall'],
  ['networks', 'network'],
];

const SORT_BY = {
  id: (action: Action): number => action.id,
  command: (action: Action): string => action.command,
  status: (action: Action): string => action.status,
  started: (action: Action): number => action.started,
  finished: (action: Action): number => action.finished ?? Infinity,
};

export const actionEndpoints: readonly Endpoint[] = [
  { call: 'GET /actions', handle: byIds },
  { call: 'GET /actions/{id}', handle: ({ cloud, id }) => one(cloud, cloud.actions.find(id)) },
  ...KINDS.flatMap(([path, type]): Endpoint[] => [
    { call: `GET /${path}/actions`, handle: (call) => list(call, (action) => isAbout(action, type)) },
    {
      call: `GET /${path}/actions/{id}`,
      handle: ({ cloud, id }) =>
        one(
          cloud,
          [cloud.actions.find(id)].find((found) => found && isAbout(found, type)),
        ),
    },
    {
      call: `GET /${path}/{id}/actions`,
      handle(call) {
        // With a thing goes the way to its actions; their ids are good for ever.
        existing(rowsOf(call.cloud.project, type), call.id, type);
        return list(call, (action) => isAbout(action, type, call.id));
      },
    },
    {
      call: `GET /${path}/{id}/actions/{action_id}`,
      handle: ({ cloud, id, actionId }) =>
        one(
          cloud,
          [cloud.actions.find(actionId)].find((found) => found && isAbout(found, type, id)),
        ),
    },
  ]),
];

/** Exactly the actions asked for, as far as they are known, in one answer without pages. The list of all of them is gone. */
function byIds({ cloud, query }: Call): Reply {
  const ids = query.getAll('id').map(Number);
  if (ids.length === 0) {
    throw new HetznerRefusal('deprecated_api_endpoint', 'API functionality was removed', {
      announcement:
        'https://docs.hetzner.cloud/changelog#2025-01-30-listing-arbitrary-actions-in-the-actions-list-endpoint-is-removed',
    });
  }
  const found = ids.flatMap((id) => cloud.actions.find(id) ?? []);
  return { status: 200, body: { actions: found.map((action) => actionView(cloud, action)) } };
}

function list({ cloud, query, path }: Call, wanted: (action: Action) => boolean): Reply {
  const status = among(query, 'status', ['running', 'success', 'error']);
  const ids = query.getAll('id').map(Number);
  const rows = cloud.actions
    .all()
    .filter((action) => wanted(action) && status(action.status) && (ids.length === 0 || ids.includes(action.id)));
  const view = (action: Action): object => actionView(cloud, action);
  return page({ key: 'actions', rows, query, path, sortBy: SORT_BY, view });
}

function one(cloud: Call['cloud'], action: Action | undefined): Reply {
  if (!action) throw notFound('action');
  return { status: 200, body: { action: actionView(cloud, action) } };
}

function isAbout(action: Action, type: Resource['type'], id?: number): boolean {
  return action.resources.some((resource) => resource.type === type && (id === undefined || resource.id === id));
}

function rowsOf(project: Project, kind: Kind): ReadonlyMap<number, unknown> {
  switch (kind) {
    case 'server':
      return project.servers;
    case 'image':
      return project.images;
    case 'volume':
      return project.volumes;
    case 'primary_ip':
      return project.primaryIps;
    case 'firewall':
      return project.firewalls;
    case 'network':
      return project.networks;
  }
}
