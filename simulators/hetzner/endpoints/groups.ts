import { z } from 'zod';
import { HetznerRefusal, type Reply } from '../api.ts';
import type { Call, Endpoint } from '../call.ts';
import { refuseIfProtected, refuseTakenName } from '../cloud.ts';
import { labels } from '../labels.ts';
import { BY_CREATED } from '../listing.ts';
import type { Network, PlacementGroup } from '../state.ts';
import { networkView, placementGroupView } from '../views.ts';
import { existing, reading } from './collection.ts';

const name = z.string().min(1).max(128);
const change = z.object({ name: name.nullish(), labels: labels.nullish() });

export const placementGroupEndpoints: readonly Endpoint[] = [
  ...reading<PlacementGroup>({
    path: '/placement_groups',
    one: 'placement_group',
    many: 'placement_groups',
    sortBy: BY_CREATED,
    rows: ({ project }) => project.placementGroups.values(),
    view: placementGroupView,
  }),
  { call: 'POST /placement_groups', handle: createGroup },
  {
    call: 'PUT /placement_groups/{id}',
    handle({ cloud, id, body }) {
      const group = existing(cloud.project.placementGroups, id, 'placement group');
      rename(cloud.project.placementGroups, group, body(change), 'placement group');
      return { status: 200, body: { placement_group: placementGroupView(cloud, group) } };
    },
  },
  {
    call: 'DELETE /placement_groups/{id}',
    handle({ cloud, id }) {
      const { placementGroups, servers } = cloud.project;
      existing(placementGroups, id, 'placement group');
      const used = [...servers.values()].some((server) => server.placementGroup === id);
      if (used) throw new HetznerRefusal('resource_in_use', 'placement group still has servers');
      placementGroups.delete(id);
      return { status: 204 };
    },
  },
];

export const networkEndpoints: readonly Endpoint[] = [
  ...reading<Network>({
    path: '/networks',
    one: 'network',
    many: 'networks',
    sortBy: BY_CREATED,
    rows: ({ project }) => project.networks.values(),
    view: networkView,
  }),
  { call: 'POST /networks', handle: createNetwork },
  {
    call: 'PUT /networks/{id}',
    handle({ cloud, id, body }) {
      const network = existing(cloud.project.networks, id, 'network');
      rename(cloud.project.networks, network, body(change), 'network');
      return { status: 200, body: { network: networkView(cloud, network) } };
    },
  },
  {
    call: 'DELETE /networks/{id}',
    handle({ cloud, id }) {
      const network = existing(cloud.project.networks, id, 'network');
      refuseIfProtected(network);
      for (const { privateNets } of cloud.project.servers.values()) {
        const at = privateNets.findIndex((net) => net.network === id);
        if (at >= 0) privateNets.splice(at, 1);
      }
      cloud.project.networks.delete(id);
      return { status: 204 };
    },
  },
];

function createGroup({ cloud, body }: Call): Reply {
  const given = body(z.object({ name, type: z.literal('spread'), labels: labels.nullish() }));
  refuseTakenName(cloud.project.placementGroups, given.name, 'placement group');
  const group: PlacementGroup = {
    id: cloud.nextId('placement_group'),
    name: given.name,
    created: cloud.clock.now(),
    labels: given.labels ?? {},
  };
  cloud.project.placementGroups.set(group.id, group);
  return { status: 201, body: { placement_group: placementGroupView(cloud, group), action: null } };
}

const cidr = z.string().regex(/^\d+\.\d+\.\d+\.\d+\/\d+$/, 'must be in CIDR notation');
const networkOrder = z.object({
  name,
  ip_range: cidr,
  labels: labels.nullish(),
  subnets: z.array(z.object({ ip_range: cidr.nullish(), network_zone: z.string() })).default([]),
});

/** Subnets are taken as given and never checked against each other: nobody sells private networks here. */
function createNetwork({ cloud, body }: Call): Reply {
  const given = body(networkOrder);
  refuseTakenName(cloud.project.networks, given.name, 'network');
  const network: Network = {
    id: cloud.nextId('network'),
    name: given.name,
    created: cloud.clock.now(),
    ipRange: given.ip_range,
    labels: given.labels ?? {},
    subnets: given.subnets.map((one) => ({
      ipRange: one.ip_range ?? given.ip_range.replace(/\/\d+$/, '/24'),
      zone: one.network_zone,
    })),
    protection: { delete: false },
  };
  cloud.project.networks.set(network.id, network);
  return { status: 201, body: { network: networkView(cloud, network) } };
}

function rename<T extends { readonly id: number; name: string; labels: PlacementGroup['labels'] }>(
  rows: ReadonlyMap<number, T>,
  row: T,
  given: z.infer<typeof change>,
  what: string,
): void {
  if (typeof given.name === 'string') {
    refuseTakenName(rows, given.name, what, row.id);
    row.name = given.name;
  }
  if (given.labels) row.labels = given.labels;
}
