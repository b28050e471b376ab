import { REGIONS, SIZES } from './catalogue.ts';
import { type Cloud, startAction } from './cloud.ts';
import type { Fate } from './faults.ts';
import type { Action, Droplet } from './state.ts';

export interface NewDroplet {
  readonly name: string;
  readonly size: string;
  readonly region: string;
  readonly image: Droplet['image'];
  readonly tags: readonly string[];
  readonly userData?: string;
  readonly publicKeys?: readonly string[];
  readonly ipv6: 'yes' | 'no';
  readonly vpc?: string | undefined;
}

/** Puts a droplet into the account, `new`, without addresses and without its tags. */
export function addDroplet(cloud: Cloud, given: NewDroplet): Droplet {
  const size = SIZES.find(({ slug }) => slug === given.size);
  const region = REGIONS.find(({ slug }) => slug === given.region);
  if (!size || !region) throw new Error('a droplet needs a size and a region that exist');
  const standard = [...cloud.account.vpcs.values()].find((vpc) => vpc.region === region.slug && vpc.isDefault);
  const droplet: Droplet = {
    id: cloud.nextId(),
    name: given.name,
    status: 'new',
    created: cloud.clock.now(),
    size,
    region,
    image: given.image,
    tags: [],
    ordered: given.tags,
    userData: given.userData ?? '',
    publicKeys: given.publicKeys ?? [],
    mailedPassword: (given.publicKeys ?? []).length === 0,
    vpc: given.vpc ?? standard?.id ?? '',
    ipv4: undefined,
    wantsIpv6: given.ipv6,
    ipv6: undefined,
    privateIpv4: undefined,
    pending: undefined,
    ending: 'no',
    guest: { acpi: true, boots: true },
    activeAt: undefined,
  };
  cloud.account.droplets.set(droplet.id, droplet);
  return droplet;
}

/** Starts making it: its tags come soon, it is active after a while, and its addresses come a little later. */
export function bringToLife(cloud: Cloud, droplet: Droplet, fate: Fate): Action {
  const { createMs, tagMs } = cloud.options.timings;
  if (fate.kind !== 'no-tags') cloud.later(tagMs, () => putTags(cloud, droplet, droplet.ordered));
  return startAction(cloud, droplet, 'create', {
    ms: fate.kind === 'slow' ? fate.ms : createMs,
    status: fate.kind === 'fail-action' ? 'errored' : 'completed',
    after() {
      if (fate.kind === 'fail-action') return;
      droplet.privateIpv4 = `10.${(droplet.id >> 8) & 255}.${droplet.id & 255}.2`;
      if (fate.kind === 'stays-off') droplet.status = 'off';
      else switchOn(cloud, droplet);
      cloud.later(cloud.options.timings.networkMs, () => {
        droplet.ipv4 = addressOf(cloud, droplet.id);
        if (droplet.wantsIpv6 === 'yes') droplet.ipv6 = ipv6Of(droplet.id);
        cloud.changed(droplet);
      });
    },
  });
}

export function putTags(cloud: Cloud, droplet: Droplet, tags: readonly string[]): void {
  if (!cloud.account.droplets.has(droplet.id)) return;
  droplet.tags = [...new Set([...droplet.tags, ...tags])];
  for (const tag of tags) cloud.account.tags.add(tag);
}

export function switchOn(cloud: Cloud, droplet: Droplet): void {
  if (!droplet.guest.boots) return;
  droplet.status = 'active';
  droplet.activeAt = cloud.clock.monotonic();
  // Whoever watches the guests looks again when a login would be accepted.
  cloud.later(cloud.options.timings.bootMs, () => cloud.changed(droplet));
}

export function switchOff(droplet: Droplet): void {
  droplet.status = 'off';
  droplet.activeAt = undefined;
}

/** 198.18.0.0/15 is set apart for benchmarks and routed nowhere; loopback addresses are real ones of this host. */
export function addressOf(cloud: Cloud, id: number): string {
  const number = (id % 65_000) + 256;
  return `${cloud.options.addresses === 'loopback' ? '127.79' : '198.18'}.${number >> 8}.${number & 255}`;
}

const ipv6Of = (id: number): string =>
  `2001:db8:${((id >> 16) & 0xffff).toString(16)}:${(id & 0xffff).toString(16)}::1`;
