import { z } from 'zod';

/**
 * What is read of Vultr's answers: the fields that are used and no others. `default_password`, which comes with a new instance, is
 * not among them: nobody here needs it, so nobody here can lose it.
 */

export const instance = z.object({
  id: z.uuid(),
  label: z.string(),
  tags: z.array(z.string()),
  /** Any word, in all three: an unknown one is no failure. */
  status: z.string(),
  power_status: z.string(),
  server_status: z.string(),
  main_ip: z.string().nullish(),
  v6_main_ip: z.string().nullish(),
  date_created: z.string().nullish(),
  plan: z.string().nullish(),
  region: z.string().nullish(),
});

export type VultrInstance = z.infer<typeof instance>;

export const instanceAnswer = z.object({ instance });

/** Lists are read entry by entry, so that a broken one hides itself only. */
export const meta = z.object({
  total: z.int().nonnegative().nullish(),
  links: z.object({ next: z.string().nullish() }).nullish(),
});

const bytes = z.number().nonnegative();

/** Counters by UTC day. An empty map comes as an empty list. */
export const bandwidth = z.object({
  bandwidth: z.union([
    z.record(z.string().regex(/^\d{4}-\d\d-\d\d$/), z.object({ incoming_bytes: bytes, outgoing_bytes: bytes })),
    z.array(z.never()).transform(() => ({})),
  ]),
});

export type Days = z.infer<typeof bandwidth>['bandwidth'];

export const plan = z.object({
  id: z.string(),
  vcpu_count: z.number(),
  /** MB. */
  ram: z.number(),
  /** GB. */
  disk: z.number(),
  /** USD. */
  monthly_cost: z.number().nullish(),
  /** Regions in which it exists. */
  locations: z.array(z.string()),
});

export type Plan = z.infer<typeof plan>;

export const region = z.object({ id: z.string(), city: z.string().nullish(), country: z.string().nullish() });

export const availability = z.object({ available_plans: z.array(z.string()) });

export const system = z.object({ id: z.int(), name: z.string(), family: z.string().nullish() });

export const application = z.object({ id: z.int(), name: z.string(), image_id: z.string().nullish() });

export const snapshotAnswer = z.object({
  snapshot: z.object({ id: z.string(), status: z.string(), size: z.number().nullish() }),
});

export const firewallAnswer = z.object({ firewall_group: z.object({ id: z.string() }) });

/** What the key may do; names and addresses of the account's owner are not read. */
export const accountAnswer = z.object({ account: z.object({ acls: z.array(z.string()).nullish() }) });

export const block = z.object({
  id: z.string(),
  label: z.string().nullish(),
  attached_to_instance: z.string().nullish(),
});
export const reservedIp = z.object({ id: z.string(), label: z.string().nullish(), instance_id: z.string().nullish() });

export const refusal = z.object({ error: z.string(), status: z.int() });
