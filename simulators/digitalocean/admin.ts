import type { Cloud, Stock } from './cloud.ts';
import { addDroplet, addressOf, switchOff, switchOn } from './droplets.ts';
import type { RateLimit } from './rate-limit.ts';
import type { Droplet } from './state.ts';

/** What happens to an account without the agent's doing: by its owner, by the provider, by chance. Ids that do not exist throw. */
export interface Admin {
  /** False: nobody listens any more. Droplets run on. */
  readonly reachable: boolean;
  setReachable(reachable: boolean): void;
  /** A droplet that somebody made by hand. Without tags it carries no stamp at all. */
  addForeign(given?: { name?: string; tags?: readonly string[] }): number;
  /** The droplet is gone, at once. */
  lose(id: number): void;
  /** The droplet goes off, or comes back, by itself. */
  powerOff(id: number): void;
  powerOn(id: number): void;
  setTags(id: number, tags: readonly string[]): void;
  setGuest(id: number, guest: Partial<Droplet['guest']>): void;
  /** Somebody's event is at work on it for so long: everything else is refused. */
  lock(id: number, ms: number): void;
  setStock(size: string, region: string, stock: Stock): void;
  setDropletLimit(limit: number): void;
  setAccountStatus(status: Cloud['accountStatus']): void;
  addFirewall(name: string, tags: readonly string[]): string;
  addVpc(region: string): string;
  addThing(kind: 'volume' | 'snapshot', tags: readonly string[]): string;
  /** The owner's other tools used up so many requests. */
  spendRequests(count: number): void;
  revoke(token: string): void;
  makeReadOnly(token: string): void;
}

export function createAdmin(
  cloud: Cloud,
  rate: RateLimit,
  access: { readonly tokens: Set<string>; readonly readOnly: Set<string> },
): Admin {
  const { account, random } = cloud;
  let reachable = true;
  const truth = (id: number): Droplet => {
    const droplet = account.droplets.get(id);
    if (!droplet) throw new Error(`there is no droplet ${id}`);
    return droplet;
  };
  return {
    get reachable() {
      return reachable;
    },
    setReachable(value) {
      reachable = value;
    },
    addForeign({ name = 'somebody-elses', tags = [] } = {}) {
      const [image] = cloud.images;
      if (!image) throw new Error('there is no image');
      const droplet = addDroplet(cloud, { name, size: 's-1vcpu-1gb', region: 'nyc3', image, tags, ipv6: 'no' });
      droplet.tags = tags;
      droplet.ipv4 = addressOf(cloud, droplet.id);
      switchOn(cloud, droplet);
      cloud.changed(droplet);
      return droplet.id;
    },
    lose(id) {
      const droplet = truth(id);
      account.droplets.delete(id);
      cloud.changed(droplet);
    },
    powerOff(id) {
      switchOff(truth(id));
      cloud.changed(truth(id));
    },
    powerOn(id) {
      switchOn(cloud, truth(id));
      cloud.changed(truth(id));
    },
    setTags(id, tags) {
      truth(id).tags = tags;
      for (const tag of tags) account.tags.add(tag);
    },
    setGuest: (id, guest) => void Object.assign(truth(id).guest, guest),
    lock(id, ms) {
      const droplet = truth(id);
      const event = cloud.nextId();
      droplet.pending = event;
      cloud.later(ms, () => {
        if (droplet.pending === event) droplet.pending = undefined;
      });
    },
    setStock: (size, region, stock) => void cloud.stock.set(`${size} ${region}`, stock),
    setDropletLimit(limit) {
      cloud.dropletLimit = limit;
    },
    setAccountStatus(status) {
      cloud.accountStatus = status;
    },
    addFirewall(name, tags) {
      const firewall = { id: random.uuid(), name, tags };
      account.firewalls.set(firewall.id, firewall);
      return firewall.id;
    },
    addVpc(region) {
      const vpc = { id: random.uuid(), name: `tenants-${region}`, region, isDefault: false };
      account.vpcs.set(vpc.id, vpc);
      return vpc.id;
    },
    addThing(kind, tags) {
      const thing = { id: random.uuid(), name: `a ${kind}`, tags, sizeGb: 10 };
      (kind === 'volume' ? account.volumes : account.snapshots).set(thing.id, thing);
      return thing.id;
    },
    spendRequests: (count) => rate.spend(count),
    revoke: (token) => void access.tokens.delete(token),
    makeReadOnly: (token) => void access.readOnly.add(token),
  };
}
