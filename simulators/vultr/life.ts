import type { Cloud } from './cloud.ts';
import type { Instance } from './state.ts';
import { countTraffic } from './traffic.ts';

/**
 * Leads a new instance up: pending, then active and locked, then installing, then ok, and only then its address. There is no
 * action to ask about; whoever waits looks at the instance.
 */
export function bringUp(cloud: Cloud, instance: Instance, extraMs: number): void {
  const { timings } = cloud.options;
  const activateMs = instance.snapshotId === '' ? timings.activateMs : timings.activateFromSnapshotMs;
  const step = (ms: number, act: () => void): void =>
    cloud.later(ms, () => {
      if (!isThere(cloud, instance)) return;
      act();
      cloud.changed(instance);
    });
  step(activateMs + extraMs, () => {
    instance.status = 'active';
    instance.server = 'locked';
    step(timings.lockedMs, () => {
      instance.server = 'installingbooting';
      step(timings.installMs, () => {
        instance.server = 'ok';
        if (instance.boots) switchOn(cloud, instance);
        else instance.power = 'stopped';
        step(timings.addressMs, () => giveAddresses(cloud, instance));
      });
    });
  });
}

export function giveAddresses(cloud: Cloud, instance: Instance): void {
  if (instance.wants.ipv4) instance.ipv4 ??= cloud.newIpv4();
  if (instance.wants.ipv6) instance.ipv6 ??= cloud.newIpv6();
}

export function switchOn(cloud: Cloud, instance: Instance): void {
  countTraffic(cloud, instance);
  instance.power = 'running';
  instance.startedAt = cloud.clock.monotonic();
  cloud.changed(instance);
}

export function switchOff(cloud: Cloud, instance: Instance): void {
  countTraffic(cloud, instance);
  instance.power = 'stopped';
  instance.startedAt = undefined;
  cloud.changed(instance);
}

/** Ends an instance at once. Blocks and reserved addresses are detached and stay. */
export function takeAway(cloud: Cloud, instance: Instance): void {
  const { instances, blocks, reservedIps } = cloud.account;
  instances.delete(instance.id);
  for (const block of blocks.values())
    if (block.attachedTo === instance.id) blocks.set(block.id, { ...block, attachedTo: '' });
  for (const ip of reservedIps.values())
    if (ip.attachedTo === instance.id) reservedIps.set(ip.id, { ...ip, attachedTo: '' });
  instance.startedAt = undefined;
  cloud.changed(instance);
}

export function isThere({ account }: Cloud, instance: Instance): boolean {
  return account.instances.get(instance.id) === instance;
}
