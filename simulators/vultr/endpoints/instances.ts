import { z } from 'zod';
import { type Reply, VultrRefusal } from '../api.ts';
import type { Call, Endpoint } from '../call.ts';
import { type Cloud, instanceOf } from '../cloud.ts';
import { isThere, switchOff, switchOn, takeAway } from '../life.ts';
import { page } from '../listing.ts';
import type { Instance } from '../state.ts';
import { countTraffic, shownDays } from '../traffic.ts';
import { instanceView } from '../views.ts';
import { createInstance } from './create-instance.ts';

const DEFAULT_DAYS = 30;
const MAX_DAYS = 60;

export const instanceEndpoints: readonly Endpoint[] = [
  { call: 'GET /instances', handle: list },
  { call: 'POST /instances', handle: createInstance },
  {
    call: 'GET /instances/{id}',
    handle: ({ cloud, id }) => ({ status: 200, body: { instance: instanceView(cloud, instanceOf(cloud, id)) } }),
  },
  { call: 'DELETE /instances/{id}', handle: remove },
  { call: 'POST /instances/{id}/start', handle: start },
  { call: 'POST /instances/{id}/halt', handle: ({ cloud, id }) => halt(cloud, [id]) },
  {
    call: 'POST /instances/halt',
    handle: ({ cloud, body }) => halt(cloud, body(z.object({ instance_ids: z.array(z.string()) })).instance_ids),
  },
  { call: 'GET /instances/{id}/bandwidth', handle: bandwidth },
];

function list({ cloud, query }: Call): Reply {
  const [tag, label, region] = [query.get('tag'), query.get('label'), query.get('region')];
  const now = cloud.clock.monotonic();
  const rows = [...cloud.account.instances.values()].filter(
    (one) =>
      (tag === null || one.tags.includes(tag)) &&
      (label === null || one.label === label) &&
      (region === null || one.region.id === region) &&
      ((tag === null && label === null) || one.hiddenUntil <= now),
  );
  return page('instances', rows, query, { idOf: ({ id }) => id, view: (one) => instanceView(cloud, one) });
}

/** Refused while the instance is pending or locked; the texts and the status 500 are the real ones. */
function remove({ cloud, id }: Call): Reply {
  const instance = instanceOf(cloud, id);
  if (instance.deleting) {
    throw new VultrRefusal(500, 'Unable to destroy server: Server is already pending destruction.');
  }
  if (instance.status === 'pending') {
    throw new VultrRefusal(
      500,
      'Unable to destroy server: This subscription is not currently active, you cannot destroy it.',
    );
  }
  refuseLocked(instance, 'Unable to destroy server: Unable to remove VM: Server is currently locked');
  instance.deleting = true;
  cloud.changed(instance);
  cloud.later(cloud.options.timings.deleteMs, () => {
    if (isThere(cloud, instance)) takeAway(cloud, instance);
  });
  return { status: 204 };
}

/** Starting what runs restarts it. */
function start({ cloud, id }: Call): Reply {
  const instance = changeable(cloud, id, 'start');
  if (instance.power === 'running') switchOff(cloud, instance);
  cloud.later(cloud.options.timings.startMs, () => {
    if (isThere(cloud, instance) && instance.boots) switchOn(cloud, instance);
  });
  return { status: 204 };
}

/** Pulls the plug: nothing asks the guest. */
function halt(cloud: Cloud, ids: readonly string[]): Reply {
  for (const instance of ids.map((id) => changeable(cloud, id, 'halt'))) {
    cloud.later(cloud.options.timings.haltMs, () => {
      if (isThere(cloud, instance)) switchOff(cloud, instance);
    });
  }
  return { status: 204 };
}

function changeable(cloud: Cloud, id: string, verb: string): Instance {
  const instance = instanceOf(cloud, id);
  if (instance.status !== 'active') throw new VultrRefusal(500, `Unable to ${verb} server: it is not active`);
  refuseLocked(instance, `Unable to ${verb} server: Server is currently locked`);
  return instance;
}

function refuseLocked({ server }: Instance, text: string): void {
  if (server === 'locked') throw new VultrRefusal(500, text);
}

function bandwidth({ cloud, id, query }: Call): Reply {
  const instance = instanceOf(cloud, id);
  const range = Number(query.get('date_range') ?? DEFAULT_DAYS);
  if (!Number.isInteger(range) || range < 1 || range > MAX_DAYS) throw new VultrRefusal(400, 'Invalid date_range.');
  countTraffic(cloud, instance);
  const days = [...shownDays(cloud, instance, range)].map(
    ([day, { bytesIn, bytesOut }]) => [day, { incoming_bytes: bytesIn, outgoing_bytes: bytesOut }] as const,
  );
  return { status: 200, body: { bandwidth: Object.fromEntries(days) } };
}
