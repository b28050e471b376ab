import { DoRefusal, notFound } from '../api.ts';
import type { Call, Endpoint } from '../call.ts';
import { type Cloud, refuseIfPending } from '../cloud.ts';
import { paged } from '../listing.ts';
import type { Droplet } from '../state.ts';
import { dropletView } from '../views.ts';

export function dropletOf(cloud: Cloud, id: string): Droplet {
  const droplet = cloud.account.droplets.get(Number(id));
  if (!droplet) throw notFound();
  return droplet;
}

export const droplets: readonly Endpoint[] = [
  {
    call: 'GET /droplets',
    handle(call) {
      const { cloud, query } = call;
      const [tag, name] = [query.get('tag_name'), query.get('name')];
      if (tag !== null && name !== null) {
        throw new DoRefusal('bad_request', 'name and tag_name cannot be combined');
      }
      const rows = [...cloud.account.droplets.values()]
        .filter((droplet) => tag === null || droplet.tags.some((each) => same(each, tag)))
        .filter((droplet) => name === null || same(droplet.name, name))
        // Newest first, so that what is made while pages are read pushes entries to the next one.
        .sort((a, b) => b.id - a.id);
      return paged(
        call,
        'droplets',
        rows.map((droplet) => dropletView(cloud, droplet)),
      );
    },
  },
  {
    call: 'GET /droplets/{id}',
    handle: ({ cloud, id }) => ({ status: 200, body: { droplet: dropletView(cloud, dropletOf(cloud, id)) } }),
  },
  {
    call: 'DELETE /droplets/{id}',
    handle({ cloud, id }) {
      const droplet = dropletOf(cloud, id);
      refuseIfPending(droplet);
      takeAway(cloud, droplet);
      return { status: 204 };
    },
  },
  {
    // Served, so that a client that ever sends it is found out: everything with the tag is gone.
    call: 'DELETE /droplets',
    handle({ cloud, query }: Call) {
      const tag = query.get('tag_name');
      if (tag === null) throw notFound();
      for (const droplet of cloud.account.droplets.values()) {
        if (droplet.tags.some((each) => same(each, tag))) cloud.account.droplets.delete(droplet.id);
        cloud.changed(droplet);
      }
      return { status: 204 };
    },
  },
];

/** Tags and names are compared without regard for case. */
function same(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase();
}

/** It stays in lists for a moment, refuses everything meanwhile, and what was attached to it stays behind. */
function takeAway(cloud: Cloud, droplet: Droplet): void {
  droplet.pending = cloud.nextId();
  droplet.ending = 'yes';
  cloud.changed(droplet);
  cloud.later(cloud.options.timings.deleteMs, () => {
    cloud.account.droplets.delete(droplet.id);
    cloud.changed(droplet);
  });
}
