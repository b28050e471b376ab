import { z } from 'zod';
import { unprocessable } from '../api.ts';
import { type Call, type Endpoint, tagName } from '../call.ts';
import { REGIONS, SIZES } from '../catalogue.ts';
import type { Cloud } from '../cloud.ts';
import { addDroplet, bringToLife } from '../droplets.ts';
import type { Droplet, Key } from '../state.ts';
import { dropletView } from '../views.ts';

const USER_DATA_CAP = 64 * 1024;

const order = z.object({
  name: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9.-]{0,252}$/, 'Only valid hostname characters are allowed. (a-z, A-Z, 0-9, . and -)'),
  region: z.string().exactOptional(),
  size: z.string(),
  image: z.union([z.string(), z.number().int()]),
  ssh_keys: z.array(z.union([z.string(), z.number().int()])).default([]),
  user_data: z.string().nullish(),
  tags: z.array(tagName).nullish(),
  vpc_uuid: z.string().exactOptional(),
  ipv6: z.boolean().default(false),
  monitoring: z.boolean().exactOptional(),
  backups: z.boolean().exactOptional(),
  with_droplet_agent: z.boolean().exactOptional(),
});

export const createDroplet: Endpoint = {
  call: 'POST /droplets',
  handle({ cloud, body, fate }) {
    const given = body(order);
    const region = regionOf(given.region);
    const size = SIZES.find(({ slug }) => slug === given.size);
    if (!size) throw unprocessable('You specified an invalid size for Droplet creation.');
    refuseUnavailable(cloud, size.slug, region);
    const image = cloud.images.find(({ id, slug }) => id === Number(given.image) || slug === given.image);
    if (!image) throw unprocessable('You specified an invalid image for Droplet creation.');
    if (!image.regions.includes(region)) {
      throw unprocessable(
        'The image you specified is not available in the selected region, you can transfer it to this region from the images pages.',
      );
    }
    if (image.minDiskSize > size.disk)
      throw unprocessable('The image you specified is too large for the selected size.');
    const publicKeys = given.ssh_keys.map((key) => publicKeyOf(cloud, key));
    const userData = given.user_data ?? '';
    if (Buffer.byteLength(userData) > USER_DATA_CAP)
      throw unprocessable('User data is too long (maximum is 65536 characters)');
    if (cloud.account.droplets.size >= cloud.dropletLimit) {
      throw unprocessable('creating this/these droplet(s) will exceed your droplet limit');
    }
    const droplet = addDroplet(cloud, {
      name: given.name,
      size: size.slug,
      region,
      image,
      tags: given.tags ?? [],
      userData,
      publicKeys,
      ipv6: given.ipv6 ? 'yes' : 'no',
      vpc: vpcOf(cloud, given.vpc_uuid, region),
    });
    return accepted(cloud, droplet, fate);
  },
};

function accepted(cloud: Cloud, droplet: Droplet, fate: Call['fate']) {
  const { id } = bringToLife(cloud, droplet, fate);
  if (fate.kind === 'forget-action') cloud.account.actions.delete(id);
  const href = `https://api.digitalocean.com/v2/actions/${id}`;
  return {
    status: 202 as const,
    body: { droplet: dropletView(cloud, droplet), links: { actions: [{ id, rel: 'create', href }] } },
  };
}

function regionOf(slug: string | undefined): string {
  const region = REGIONS.find((each) => each.slug === (slug ?? 'nyc3'));
  if (!region) throw unprocessable('You specified an invalid region for Droplet creation.');
  if (!region.available) throw unprocessable('Region is not available');
  return region.slug;
}

function refuseUnavailable(cloud: Cloud, size: string, region: string): void {
  const offered = SIZES.find(({ slug }) => slug === size)?.regions.includes(region) ?? false;
  if (!offered || (cloud.stock.get(`${size} ${region}`) ?? 'in-stock') !== 'in-stock') {
    throw unprocessable('Size is not available in this region.');
  }
}

function publicKeyOf(cloud: Cloud, wanted: string | number): string {
  const found = [...cloud.account.keys.values()].find(
    (key: Key) => key.id === Number(wanted) || key.fingerprint === wanted,
  );
  if (!found) throw unprocessable(`${wanted} are invalid key identifiers for Droplet creation.`);
  return found.publicKey;
}

function vpcOf(cloud: Cloud, id: string | undefined, region: string): string | undefined {
  if (id === undefined) return undefined;
  if (cloud.account.vpcs.get(id)?.region !== region)
    throw unprocessable('VPC is not in the same region as the Droplet.');
  return id;
}
