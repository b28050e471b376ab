import { PLANS, REGIONS } from './catalogue.ts';
import { type Cloud, instanceOf, type Stock } from './cloud.ts';
import { giveAddresses, switchOff, switchOn, takeAway } from './life.ts';
import { newInstance } from './new-instance.ts';
import type { Instance, ServerStatus } from './state.ts';
import { addTraffic, countTraffic } from './traffic.ts';

/** What happens to an account without the agent's doing: by its owner, by the provider, by chance. Ids that do not exist throw. */
export interface Admin {
  /** False: nobody listens any more. Instances run on. */
  readonly reachable: boolean;
  setReachable(reachable: boolean): void;
  /** An instance that the owner made by hand, up and running. Without tags it carries no stamp at all. */
  addForeign(given?: { label?: string; tags?: readonly string[] }): string;
  /** The instance is gone, at once. */
  lose(id: string): void;
  /** The instance goes off, or comes back, by itself. */
  powerOff(id: string): void;
  powerOn(id: string): void;
  setTags(id: string, tags: readonly string[]): void;
  setServerStatus(id: string, status: ServerStatus): void;
  /** Whether it comes up when it is started. */
  setBoots(id: string, boots: boolean): void;
  suspend(id: string, suspended: boolean): void;
  /** On the present UTC day. */
  addTraffic(id: string, bytesIn: number, bytesOut: number): void;
  setStock(plan: string, region: string, stock: Stock): void;
  addSnapshot(given?: { id?: string; size?: number; pending?: true }): string;
  addFirewall(description: string, id?: string): string;
  addBlock(label: string): string;
  addReservedIp(label: string): string;
  setAcls(acls: readonly string[]): void;
  revoke(key: string): void;
  /** Keys are good from these addresses only; undefined: from everywhere. */
  allowFrom(addresses: readonly string[] | undefined): void;
}

export function createAdmin(
  cloud: Cloud,
  access: { readonly keys: Set<string>; allowed: readonly string[] | undefined },
): Admin {
  const { account } = cloud;
  let reachable = true;
  return {
    get reachable() {
      return reachable;
    },
    setReachable(value) {
      reachable = value;
    },
    addForeign({ label = 'somebody-elses', tags = [] } = {}) {
      const instance = stranger(cloud, label, tags);
      instance.status = 'active';
      instance.server = 'ok';
      giveAddresses(cloud, instance);
      switchOn(cloud, instance);
      return instance.id;
    },
    lose: (id) => takeAway(cloud, instanceOf(cloud, id)),
    powerOff: (id) => switchOff(cloud, instanceOf(cloud, id)),
    powerOn: (id) => switchOn(cloud, instanceOf(cloud, id)),
    setTags(id, tags) {
      instanceOf(cloud, id).tags = [...tags];
    },
    setServerStatus(id, status) {
      instanceOf(cloud, id).server = status;
    },
    setBoots(id, boots) {
      instanceOf(cloud, id).boots = boots;
    },
    suspend(id, suspended) {
      instanceOf(cloud, id).status = suspended ? 'suspended' : 'active';
    },
    addTraffic(id, bytesIn, bytesOut) {
      const instance = instanceOf(cloud, id);
      countTraffic(cloud, instance);
      addTraffic(instance.traffic.days, cloud.clock.now(), { bytesIn, bytesOut });
    },
    setStock: (plan, region, stock) => cloud.setStock(plan, region, stock),
    addSnapshot({ id = cloud.newId(), size = 10 * 2 ** 30, pending } = {}) {
      const status = pending === true ? 'pending' : 'complete';
      account.snapshots.set(id, { id, description: 'template', size, status, osId: 2136 });
      return id;
    },
    addFirewall(description, id = cloud.newId()) {
      account.firewalls.set(id, { id, description });
      return id;
    },
    addBlock(label) {
      const id = cloud.newId();
      account.blocks.set(id, { id, label, attachedTo: '' });
      return id;
    },
    addReservedIp(label) {
      const id = cloud.newId();
      account.reservedIps.set(id, { id, label, ip: cloud.newIpv4(), attachedTo: '' });
      return id;
    },
    setAcls(acls) {
      account.acls.clear();
      for (const acl of acls) account.acls.add(acl);
    },
    revoke: (key) => void access.keys.delete(key),
    allowFrom(addresses) {
      access.allowed = addresses;
    },
  };
}

function stranger(cloud: Cloud, label: string, tags: readonly string[]): Instance {
  const plan = PLANS.find(({ id }) => id === 'vc2-1c-1gb');
  const [region] = REGIONS;
  if (!plan || !region) throw new Error('the catalogue is empty');
  return newInstance(cloud, {
    plan,
    region,
    label,
    hostname: label,
    tags: [...tags],
    osId: 2136,
    imageId: '',
    snapshotId: '',
    firewallGroup: '',
    wants: { ipv4: true, ipv6: true },
    userData: '',
    boots: true,
    hiddenMs: 0,
  });
}
