import { type Image, REGIONS, type Region, SIZES, type Size } from './catalogue.ts';
import type { Cloud } from './cloud.ts';
import type { Action, Droplet, Firewall, Key, Thing, Vpc } from './state.ts';

/** Things as the API writes them. */

const time = (ms: number): string => `${new Date(ms).toISOString().slice(0, 19)}Z`;

export function sizeView(cloud: Cloud, size: Size): object {
  const { slug, memory, vcpus, disk, transfer, priceMonthly } = size;
  return {
    slug,
    memory,
    vcpus,
    disk,
    transfer,
    price_monthly: priceMonthly,
    price_hourly: Math.round((priceMonthly / 672) * 1e5) / 1e5,
    regions: offeredIn(cloud, size),
    available: offeredIn(cloud, size).length > 0,
    description: 'Basic',
  };
}

export function regionView(cloud: Cloud, { slug, name, available }: Region): object {
  return {
    slug,
    name,
    available,
    features: ['backups', 'ipv6', 'metadata', 'storage'],
    sizes: SIZES.filter((size) => offeredIn(cloud, size).includes(slug)).map((size) => size.slug),
  };
}

function offeredIn(cloud: Cloud, { slug, regions }: Size): string[] {
  const open = new Set(REGIONS.filter(({ available }) => available).map((region) => region.slug));
  return regions.filter((region) => open.has(region) && cloud.stock.get(`${slug} ${region}`) !== 'sold-out');
}

export function imageView({ id, name, distribution, slug, public: isPublic, minDiskSize, regions }: Image): object {
  return {
    id,
    name,
    distribution,
    slug,
    public: isPublic,
    regions,
    min_disk_size: minDiskSize,
    size_gigabytes: 2.36,
    type: isPublic ? 'base' : 'snapshot',
    status: 'available',
    created_at: '2025-06-01T00:00:00Z',
    tags: [],
  };
}

export function dropletView(cloud: Cloud, droplet: Droplet): object {
  const { id, name, status, created, size, region, image, tags, vpc, ipv4, ipv6, privateIpv4 } = droplet;
  return {
    id,
    name,
    status,
    locked: status === 'new' || droplet.pending !== undefined,
    created_at: time(created),
    memory: size.memory,
    vcpus: size.vcpus,
    disk: size.disk,
    size_slug: size.slug,
    size: sizeView(cloud, size),
    region: regionView(cloud, region),
    image: imageView(image),
    features: ['droplet_agent', ...(ipv6 === undefined ? [] : ['ipv6'])],
    backup_ids: [],
    snapshot_ids: [],
    volume_ids: [],
    kernel: null,
    next_backup_window: null,
    tags,
    vpc_uuid: vpc,
    networks: {
      v4: [
        ...(privateIpv4 === undefined ? [] : [network(privateIpv4, '255.255.240.0', '10.0.0.1', 'private')]),
        ...(ipv4 === undefined ? [] : [network(ipv4, '255.255.240.0', '198.18.0.1', 'public')]),
      ],
      v6: ipv6 === undefined ? [] : [network(ipv6, 64, '2001:db8::1', 'public')],
    },
  };
}

function network(address: string, netmask: string | number, gateway: string, type: string): object {
  return { ip_address: address, netmask, gateway, type };
}

export function actionView({ id, type, status, started, completed, droplet, region }: Action): object {
  return {
    id,
    status,
    type,
    started_at: time(started),
    completed_at: completed === undefined ? null : time(completed),
    resource_id: droplet,
    resource_type: 'droplet',
    region_slug: region,
  };
}

export function keyView({ id, name, fingerprint, publicKey }: Key): object {
  return { id, name, fingerprint, public_key: publicKey };
}

export function firewallView({ id, name, tags }: Firewall): object {
  return {
    id,
    name,
    status: 'succeeded',
    tags,
    droplet_ids: [],
    pending_changes: [],
    inbound_rules: [],
    outbound_rules: [],
    created_at: '2025-06-01T00:00:00Z',
  };
}

export function vpcView({ id, name, region, isDefault }: Vpc): object {
  return { id, name, region, default: isDefault, ip_range: '10.10.0.0/20', urn: `do:vpc:${id}`, description: '' };
}

export function thingView({ id, name, tags, sizeGb }: Thing): object {
  return { id, name, tags, size_gigabytes: sizeGb, regions: ['nyc3'], droplet_ids: [], resource_type: 'droplet' };
}
