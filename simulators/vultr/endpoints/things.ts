import { notFound } from '../api.ts';
import type { Endpoint } from '../call.ts';
import { MARKETPLACE, PLANS, REGIONS, SYSTEMS } from '../catalogue.ts';
import { page } from '../listing.ts';
import type { Block, ReservedIp } from '../state.ts';
import { osView, planView, regionView } from '../views.ts';

const idOf = ({ id }: { readonly id: string | number }): string => String(id);

/** What there is to order, which anybody may read. */
const catalogue: readonly Endpoint[] = [
  { call: 'GET /plans', open: true, handle: ({ query }) => page('plans', PLANS, query, { idOf, view: planView }) },
  {
    call: 'GET /regions',
    open: true,
    handle: ({ query }) => page('regions', REGIONS, query, { idOf, view: regionView }),
  },
  {
    call: 'GET /regions/{id}/availability',
    open: true,
    handle({ cloud, id }) {
      if (!REGIONS.some((region) => region.id === id)) throw notFound('region');
      const plans = PLANS.filter((plan) => cloud.stockOf(plan, id) !== 'sold-out');
      return { status: 200, body: { available_plans: plans.map((plan) => plan.id) } };
    },
  },
  { call: 'GET /os', open: true, handle: ({ query }) => page('os', SYSTEMS, query, { idOf, view: osView }) },
  {
    call: 'GET /applications',
    open: true,
    handle: ({ query }) => page('applications', MARKETPLACE, query, { idOf, view: (row) => row }),
  },
];

/** What the account has beside instances. */
const belongings: readonly Endpoint[] = [
  {
    call: 'GET /account',
    handle: ({ cloud }) => ({
      status: 200,
      body: {
        account: { name: 'Provider', email: 'owner@example.org', acls: [...cloud.account.acls], balance: -10 },
      },
    }),
  },
  {
    call: 'GET /firewalls/{id}',
    handle({ cloud, id }) {
      const group = cloud.account.firewalls.get(id);
      if (!group) throw notFound('firewall group');
      return { status: 200, body: { firewall_group: { id, description: group.description, rule_count: 1 } } };
    },
  },
  {
    call: 'GET /snapshots/{id}',
    handle({ cloud, id }) {
      const found = cloud.account.snapshots.get(id);
      if (!found) throw notFound('snapshot');
      const { osId, ...snapshot } = found;
      return { status: 200, body: { snapshot: { ...snapshot, os_id: osId, app_id: 0 } } };
    },
  },
  {
    call: 'GET /blocks',
    handle: ({ cloud, query }) =>
      page('blocks', [...cloud.account.blocks.values()], query, {
        idOf,
        view: ({ attachedTo, ...block }: Block) => ({ ...block, attached_to_instance: attachedTo }),
      }),
  },
  {
    call: 'GET /reserved-ips',
    handle: ({ cloud, query }) =>
      page('reserved_ips', [...cloud.account.reservedIps.values()], query, {
        idOf,
        view: ({ attachedTo, ip, ...reserved }: ReservedIp) => ({ ...reserved, subnet: ip, instance_id: attachedTo }),
      }),
  },
];

export const thingEndpoints: readonly Endpoint[] = [...catalogue, ...belongings];
