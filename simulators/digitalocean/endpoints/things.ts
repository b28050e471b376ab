import { notFound } from '../api.ts';
import type { Endpoint } from '../call.ts';
import { paged } from '../listing.ts';
import { firewallView, thingView, vpcView } from '../views.ts';

/** What else of an account is looked at. */
export const things: readonly Endpoint[] = [
  {
    call: 'GET /firewalls',
    handle: (call) => paged(call, 'firewalls', [...call.cloud.account.firewalls.values()].map(firewallView)),
  },
  { call: 'GET /vpcs', handle: (call) => paged(call, 'vpcs', [...call.cloud.account.vpcs.values()].map(vpcView)) },
  {
    call: 'GET /vpcs/{id}',
    handle({ cloud, id }) {
      const vpc = cloud.account.vpcs.get(id);
      if (!vpc) throw notFound();
      return { status: 200, body: { vpc: vpcView(vpc) } };
    },
  },
  {
    call: 'GET /volumes',
    handle: (call) => paged(call, 'volumes', [...call.cloud.account.volumes.values()].map(thingView)),
  },
  {
    call: 'GET /snapshots',
    handle: (call) => paged(call, 'snapshots', [...call.cloud.account.snapshots.values()].map(thingView)),
  },
];
