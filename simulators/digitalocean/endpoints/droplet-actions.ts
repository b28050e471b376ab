import { z } from 'zod';
import { notFound, unprocessable } from '../api.ts';
import type { Call, Endpoint } from '../call.ts';
import { type Cloud, type Ending, startAction } from '../cloud.ts';
import { switchOff, switchOn } from '../droplets.ts';
import { paged } from '../listing.ts';
import type { Droplet } from '../state.ts';
import { actionView } from '../views.ts';
import { dropletOf } from './droplets.ts';

const VERBS = ['power_on', 'power_off', 'shutdown', 'reboot', 'power_cycle', 'password_reset'] as const;
const wanted = z.object({ type: z.string() });

export const dropletActions: readonly Endpoint[] = [
  {
    call: 'POST /droplets/{id}/actions',
    handle({ cloud, id, body, fate }) {
      const droplet = dropletOf(cloud, id);
      const { type } = body(wanted);
      const verb = VERBS.find((each) => each === type);
      if (verb === undefined) throw unprocessable('The action type you specified is not valid.');
      const ending = endingOf(cloud, droplet, verb);
      const failing = fate.kind === 'fail-action';
      const action = startAction(cloud, droplet, verb, {
        ...ending,
        ...(fate.kind === 'slow' ? { ms: fate.ms } : {}),
        ...(failing ? { status: 'errored' as const, after: () => {} } : {}),
      });
      if (fate.kind === 'forget-action') cloud.account.actions.delete(action.id);
      return { status: 201, body: { action: actionView(action) } };
    },
  },
  {
    call: 'GET /droplets/{id}/actions',
    handle(call) {
      const { id } = dropletOf(call.cloud, call.id);
      return paged(
        call,
        'actions',
        newestFirst(call.cloud)
          .filter((action) => action.droplet === id)
          .map(actionView),
      );
    },
  },
  { call: 'GET /actions', handle: (call) => paged(call, 'actions', newestFirst(call.cloud).map(actionView)) },
  {
    call: 'GET /actions/{id}',
    handle({ cloud, id }: Call) {
      const action = cloud.account.actions.get(Number(id));
      if (!action) throw notFound();
      return { status: 200, body: { action: actionView(action) } };
    },
  },
];

function newestFirst({ account }: Cloud) {
  return [...account.actions.values()].sort((a, b) => b.id - a.id);
}

function endingOf(cloud: Cloud, droplet: Droplet, verb: (typeof VERBS)[number]): Ending {
  const { powerMs, guestShutdownMs, shutdownLimitMs } = cloud.options.timings;
  switch (verb) {
    case 'power_on':
      if (droplet.status === 'active') throw unprocessable('Droplet is already powered on.');
      return { ms: powerMs, after: () => switchOn(cloud, droplet) };
    case 'power_off':
      if (droplet.status === 'off') throw unprocessable('Droplet is already powered off.');
      return { ms: powerMs, after: () => switchOff(droplet) };
    case 'shutdown':
      if (droplet.status === 'off') throw unprocessable('Droplet is already powered off.');
      // Graceful means that the guest is asked; one that does not listen makes the action fail in the end.
      if (droplet.guest.acpi) return { ms: guestShutdownMs, after: () => switchOff(droplet) };
      return { ms: shutdownLimitMs, status: 'errored', after: () => {} };
    default:
      return { ms: powerMs, after: () => switchOn(cloud, droplet) };
  }
}
