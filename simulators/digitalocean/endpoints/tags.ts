import { z } from 'zod';
import { notFound } from '../api.ts';
import { type Call, type Endpoint, tagName } from '../call.ts';
import type { Cloud } from '../cloud.ts';
import { putTags } from '../droplets.ts';
import { paged } from '../listing.ts';

const newTag = z.object({ name: tagName });
const resources = z.object({
  resources: z.array(z.object({ resource_id: z.string(), resource_type: z.string() })).min(1),
});

export const tags: readonly Endpoint[] = [
  {
    call: 'GET /tags',
    handle: (call) =>
      paged(
        call,
        'tags',
        [...call.cloud.account.tags].map((tag) => tagView(call.cloud, tag)),
      ),
  },
  {
    call: 'POST /tags',
    handle({ cloud, body }) {
      const { name } = body(newTag);
      cloud.account.tags.add(name);
      return { status: 201, body: { tag: tagView(cloud, name) } };
    },
  },
  {
    call: 'GET /tags/{id}',
    handle: ({ cloud, id }) => ({ status: 200, body: { tag: tagView(cloud, known(cloud, id)) } }),
  },
  {
    // The things that have it stay, and no longer have it.
    call: 'DELETE /tags/{id}',
    handle({ cloud, id }) {
      const tag = known(cloud, id);
      cloud.account.tags.delete(tag);
      for (const droplet of cloud.account.droplets.values()) {
        droplet.tags = droplet.tags.filter((each) => each !== tag);
      }
      return { status: 204 };
    },
  },
  {
    call: 'POST /tags/{id}/resources',
    handle({ cloud, id, body }: Call) {
      const tag = known(cloud, id);
      for (const { resource_id, resource_type } of body(resources).resources) {
        const droplet = resource_type === 'droplet' ? cloud.account.droplets.get(Number(resource_id)) : undefined;
        if (!droplet) throw notFound();
        putTags(cloud, droplet, [tag]);
      }
      return { status: 204 };
    },
  },
];

function known({ account }: Cloud, tag: string): string {
  if (!account.tags.has(tag)) throw notFound();
  return tag;
}

function tagView({ account }: Cloud, name: string): object {
  const counted = (rows: Iterable<{ readonly tags: readonly string[] }>): { count: number } => ({
    count: [...rows].filter(({ tags: all }) => all.includes(name)).length,
  });
  const droplets = counted(account.droplets.values());
  const volumes = counted(account.volumes.values());
  const images = counted(account.snapshots.values());
  return { name, resources: { count: droplets.count + volumes.count + images.count, droplets, volumes, images } };
}
