import { z } from 'zod';
import { type Reply, VultrRefusal } from '../api.ts';
import type { Call } from '../call.ts';
import { MARKETPLACE, PLANS, REGIONS, SYSTEMS } from '../catalogue.ts';
import type { Cloud } from '../cloud.ts';
import { bringUp } from '../life.ts';
import { newInstance } from '../new-instance.ts';
import type { Instance } from '../state.ts';
import { instanceView } from '../views.ts';

/** Nobody documents a limit; this is what a text column holds. */
const USER_DATA_BYTES = 65_535;

const order = z.object({
  region: z.string(),
  plan: z.string(),
  // Libcloud sends it as a text, and the real API takes that.
  os_id: z.union([z.number().int(), z.string().regex(/^\d+$/).transform(Number)]).optional(),
  image_id: z.string().optional(),
  snapshot_id: z.string().optional(),
  label: z.string().max(255).default(''),
  hostname: z
    .string()
    .regex(/^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$/)
    .optional(),
  tags: z.array(z.string().min(1).max(255)).default([]),
  user_data: z
    .string()
    .max(USER_DATA_BYTES)
    .regex(/^[A-Za-z0-9+/]*={0,2}$/, 'is not base64')
    .default(''),
  firewall_group_id: z.string().default(''),
  enable_ipv6: z.boolean().default(false),
  disable_public_ipv4: z.boolean().default(false),
  activation_email: z.boolean().default(true),
});

type Order = z.infer<typeof order>;

/** `POST /instances`. Everything is checked before anything is made. */
export function createInstance({ cloud, body, fate }: Call): Reply {
  const given = body(order);
  const parts = gather(cloud, given);
  const instance = newInstance(cloud, {
    ...parts,
    label: given.label,
    hostname: given.hostname ?? 'vultr',
    tags: given.tags,
    osId: given.os_id ?? (given.snapshot_id === undefined ? 0 : 164),
    imageId: given.image_id ?? '',
    snapshotId: given.snapshot_id ?? '',
    firewallGroup: given.firewall_group_id,
    wants: { ipv4: !given.disable_public_ipv4, ipv6: given.enable_ipv6 },
    userData: Buffer.from(given.user_data, 'base64').toString('utf8'),
    boots: fate.kind !== 'stays-off',
    hiddenMs: fate.kind === 'late-tags' ? fate.ms : 0,
  });
  if (fate.kind !== 'stays-pending') bringUp(cloud, instance, fate.kind === 'slow' ? fate.ms : 0);
  return { status: 202, body: { instance: { ...instanceView(cloud, instance), default_password: instance.password } } };
}

/** Finds what the order names and refuses what cannot be; the texts of the refusals that are known are the real ones. */
function gather(cloud: Cloud, given: Order): Pick<Instance, 'plan' | 'region'> {
  const { account } = cloud;
  const plan = PLANS.find(({ id }) => id === given.plan);
  if (!plan) throw new VultrRefusal(400, 'Invalid plan.');
  const region = REGIONS.find(({ id }) => id === given.region);
  if (!region) throw new VultrRefusal(400, 'Invalid region.');
  const sources = [given.os_id, given.image_id, given.snapshot_id].filter((source) => source !== undefined);
  if (sources.length !== 1) throw new VultrRefusal(400, 'Specify exactly one of os_id, image_id and snapshot_id.');
  if (given.os_id !== undefined && !SYSTEMS.some(({ id }) => id === given.os_id)) {
    throw new VultrRefusal(400, 'Invalid os_id.');
  }
  if (given.image_id !== undefined && !MARKETPLACE.some(({ image_id }) => image_id === given.image_id)) {
    throw new VultrRefusal(400, 'Invalid image_id.');
  }
  if (given.snapshot_id !== undefined) {
    const snapshot = account.snapshots.get(given.snapshot_id);
    if (snapshot?.status !== 'complete') throw new VultrRefusal(400, 'Invalid snapshot_id.');
    if (snapshot.size > plan.disk * 2 ** 30)
      throw new VultrRefusal(400, 'Snapshot is larger than the disk of the plan.');
  }
  if (given.firewall_group_id !== '' && !account.firewalls.has(given.firewall_group_id)) {
    throw new VultrRefusal(404, 'Invalid firewall group.');
  }
  if (account.instances.size >= cloud.options.maxInstances) {
    throw new VultrRefusal(
      400,
      'Server add failed: You have reached the maximum number of active instances for this account.',
    );
  }
  if (cloud.stockOf(plan, region.id) !== 'in-stock') {
    throw new VultrRefusal(400, 'Server add failed: The selected plan is not available in this region.');
  }
  return { plan, region };
}
