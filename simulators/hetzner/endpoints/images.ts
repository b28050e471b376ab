import { z } from 'zod';
import { HetznerRefusal, type Reply } from '../api.ts';
import type { Call, Endpoint } from '../call.ts';
import { refuseIfBusy, refuseIfProtected } from '../cloud.ts';
import { labels } from '../labels.ts';
import { among, BY_CREATED } from '../listing.ts';
import { quickPlan } from '../power.ts';
import type { Image } from '../state.ts';
import { actionView, imageView } from '../views.ts';
import { existing, reading } from './collection.ts';

export const imageEndpoints: readonly Endpoint[] = [
  ...reading<Image>({
    path: '/images',
    one: 'image',
    many: 'images',
    sortBy: BY_CREATED,
    rows: ({ project }) => project.images.values(),
    view: (_cloud, image) => imageView(image),
    filter(query) {
      const type = among(query, 'type', ['system', 'app', 'snapshot', 'backup']);
      const status = among(query, 'status', ['available', 'creating', 'unavailable']);
      const architecture = among(query, 'architecture', ['x86', 'arm']);
      const bound = query.getAll('bound_to').map(Number);
      const deprecated = query.get('include_deprecated') === 'true';
      return (image) =>
        type(image.type) &&
        status(image.status) &&
        architecture(image.architecture) &&
        (bound.length === 0 || bound.includes(image.bound_to ?? 0)) &&
        (deprecated || image.deprecated === null);
    },
  }),
  { call: 'PUT /images/{id}', handle: update },
  { call: 'DELETE /images/{id}', handle: remove },
  { call: 'POST /images/{id}/actions/change_protection', handle: protect },
];

const change = z.object({
  description: z.string().nullish(),
  type: z.literal('snapshot').nullish(),
  labels: labels.nullish(),
});

function update({ cloud, id, body }: Call): Reply {
  const image = own(cloud.project.images, id);
  const given = body(change);
  if (typeof given.description === 'string') image.description = given.description;
  if (given.labels) image.labels = given.labels;
  if (given.type === 'snapshot') {
    image.type = 'snapshot';
    image.bound_to = null;
  }
  return { status: 200, body: { image: imageView(image) } };
}

function remove({ cloud, id }: Call): Reply {
  const image = own(cloud.project.images, id);
  refuseIfProtected(image);
  refuseIfBusy(cloud, 'image', id);
  cloud.project.images.delete(id);
  return { status: 204 };
}

function protect({ cloud, id, fate, body }: Call): Reply {
  const image = own(cloud.project.images, id);
  const given = body(z.object({ delete: z.boolean().default(image.protection.delete) }));
  const [action] = cloud.actions.start(
    [
      quickPlan(cloud, 'change_protection', [{ id, type: 'image' }], () => {
        image.protection.delete = given.delete;
      }),
    ],
    fate,
  );
  return { status: 201, body: { action: action && actionView(cloud, action) } };
}

function own(images: ReadonlyMap<number, Image>, id: number): Image {
  const image = existing(images, id, 'image');
  if (image.type === 'snapshot' || image.type === 'backup') return image;
  throw new HetznerRefusal('forbidden', 'only snapshots and backups can be changed');
}
