import { notFound } from '../api.ts';
import type { Endpoint } from '../call.ts';
import { REGIONS, SIZES } from '../catalogue.ts';
import { paged } from '../listing.ts';
import { imageView, regionView, sizeView } from '../views.ts';

export const catalogue: readonly Endpoint[] = [
  {
    call: 'GET /sizes',
    handle: (call) =>
      paged(
        call,
        'sizes',
        SIZES.map((size) => sizeView(call.cloud, size)),
      ),
  },
  {
    call: 'GET /regions',
    handle: (call) =>
      paged(
        call,
        'regions',
        REGIONS.map((region) => regionView(call.cloud, region)),
      ),
  },
  { call: 'GET /images', handle: (call) => paged(call, 'images', call.cloud.images.map(imageView)) },
  {
    call: 'GET /images/{id}',
    handle({ cloud, id }) {
      const image = cloud.images.find((each) => each.slug === id || String(each.id) === id);
      if (!image) throw notFound();
      return { status: 200, body: { image: imageView(image) } };
    },
  },
  {
    call: 'GET /account',
    handle: ({ cloud }) => ({
      status: 200,
      body: {
        account: {
          droplet_limit: cloud.dropletLimit,
          floating_ip_limit: 5,
          email: 'owner@example.com',
          uuid: '00000000-0000-4000-8000-000000000000',
          email_verified: true,
          status: cloud.accountStatus,
          status_message: '',
        },
      },
    }),
  },
];
