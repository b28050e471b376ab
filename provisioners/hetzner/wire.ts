import { z } from 'zod';

/**
 * What is read of Hetzner's answers: the fields that are used and no others. Fields leave that API without much notice
 * (`datacenter` did in July 2026), so what is not needed to act must not be able to break a call.
 */

const id = z.int().positive();
const labels = z.record(z.string(), z.string());

const address = z.object({ id: id.nullish(), ip: z.string(), blocked: z.boolean().nullish() });

export const server = z.object({
  id,
  name: z.string(),
  /** Any word: an unknown one is no failure. */
  status: z.string(),
  locked: z.boolean().nullish(),
  created: z.string().nullish(),
  labels,
  public_net: z.object({ ipv4: address.nullish(), ipv6: address.nullish() }).nullish(),
  server_type: z.object({ name: z.string() }).nullish(),
  location: z.object({ name: z.string() }).nullish(),
  /** Bytes of the present billing period; null for a server that has not been measured yet. */
  outgoing_traffic: z.number().nonnegative().nullish(),
  ingoing_traffic: z.number().nonnegative().nullish(),
});

export type Server = z.infer<typeof server>;

export const action = z.object({
  id,
  command: z.string().nullish(),
  status: z.string(),
  error: z.object({ code: z.string().nullish(), message: z.string().nullish() }).nullish(),
});

export type Action = z.infer<typeof action>;

export const actionAnswer = z.object({ action });
export const actionList = z.object({ actions: z.array(action) });
export const serverAnswer = z.object({ server });

/** `next_actions` runs after `action`; the machine is up when all of them are through. */
export const created = z.object({
  server,
  action: action.nullish(),
  next_actions: z.array(action).nullish(),
});

/** Pages are read entry by entry, so that a broken one hides itself only. */
export const meta = z.object({
  pagination: z.object({ next_page: z.int().positive().nullish(), total_entries: z.int().nonnegative().nullish() }),
});

const decimal = z.string().regex(/^-?\d+(\.\d+)?$/);
export const price = z.object({ net: decimal, gross: decimal });

export const serverType = z.object({
  id,
  name: z.string(),
  cores: z.number(),
  /** GB. */
  memory: z.number(),
  /** GB. */
  disk: z.number(),
  architecture: z.string(),
  cpu_type: z.string().nullish(),
  prices: z.array(
    z.object({
      location: z.string(),
      price_hourly: price,
      price_monthly: price,
      included_traffic: z.number().nullish(),
      price_per_tb_traffic: price.nullish(),
    }),
  ),
  /** Absent in answers of before 2025: then a price is all that tells where a type exists. */
  locations: z
    .array(
      z.object({
        name: z.string(),
        available: z.boolean().nullish(),
        recommended: z.boolean().nullish(),
        deprecation: z.object({ unavailable_after: z.string() }).nullish(),
      }),
    )
    .nullish(),
});

export type ServerType = z.infer<typeof serverType>;

export const location = z.object({
  id,
  name: z.string(),
  city: z.string().nullish(),
  country: z.string().nullish(),
  network_zone: z.string().nullish(),
});

export type Location = z.infer<typeof location>;

export const image = z.object({
  id,
  /** Null for snapshots, which are told apart by their labels. */
  name: z.string().nullish(),
  type: z.string(),
  status: z.string(),
  architecture: z.string(),
  disk_size: z.number(),
  image_size: z.number().nullish(),
  created: z.string().nullish(),
  deprecated: z.string().nullish(),
  labels: labels.nullish(),
});

export type Image = z.infer<typeof image>;

export const sshKey = z.object({ id, name: z.string(), fingerprint: z.string() });
export const sshKeyAnswer = z.object({ ssh_key: sshKey });

export const firewall = z.object({ id, name: z.string(), labels: labels.nullish() });
export const firewallAnswer = z.object({ firewall });

/** Primary addresses and volumes, as far as they can be left over. */
export const primaryIp = z.object({ id, ip: z.string(), type: z.string(), assignee_id: id.nullish(), labels });
export const volume = z.object({ id, server: id.nullish(), labels });

export const pricing = z.object({
  pricing: z.object({
    currency: z.string(),
    image: z.object({ price_per_gb_month: price }).nullish(),
    primary_ips: z
      .array(z.object({ type: z.string(), prices: z.array(z.object({ location: z.string(), price_monthly: price })) }))
      .nullish(),
  }),
});

export type Pricing = z.infer<typeof pricing>['pricing'];

export const passwordAnswer = z.object({ action, root_password: z.string().min(1) });

export const refusal = z.object({
  error: z.object({
    code: z.string().max(100),
    message: z.string().nullish(),
    details: z
      .object({ fields: z.array(z.object({ name: z.string() })).nullish(), announcement: z.string().nullish() })
      .nullish()
      .catch(undefined),
  }),
});
