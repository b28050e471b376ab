import { z } from 'zod';

/**
 * What is read of DigitalOcean's answers: the fields that are used and no others. What is not needed to act must not be able to
 * break a call.
 */

const id = z.int().positive();

const network = z.object({ ip_address: z.string(), type: z.string() });

export const droplet = z.object({
  id,
  name: z.string(),
  /** Any word: an unknown one is no failure. */
  status: z.string(),
  locked: z.boolean().nullish(),
  created_at: z.string().nullish(),
  /** The stamp. A droplet that does not show its tags at all cannot be judged. */
  tags: z.array(z.string()),
  size_slug: z.string().nullish(),
  region: z.object({ slug: z.string() }).nullish(),
  networks: z.object({ v4: z.array(network).nullish(), v6: z.array(network).nullish() }).nullish(),
});

export type Droplet = z.infer<typeof droplet>;

export const dropletAnswer = z.object({ droplet });

export const action = z.object({ id, status: z.string(), type: z.string().nullish() });

export type Action = z.infer<typeof action>;

export const actionAnswer = z.object({ action });

/** Pages are read entry by entry, so that a broken one hides itself only. */
export const links = z.object({ pages: z.object({ next: z.string().nullish() }).nullish() });
export const meta = z.object({ total: z.int().nonnegative() });

export const size = z.object({
  slug: z.string(),
  available: z.boolean(),
  /** MB. */
  memory: z.number(),
  vcpus: z.number(),
  /** GB. */
  disk: z.number(),
  regions: z.array(z.string()),
  price_monthly: z.number().nullish(),
});

export type Size = z.infer<typeof size>;

export const region = z.object({ slug: z.string(), name: z.string().nullish(), available: z.boolean() });

export type Region = z.infer<typeof region>;

export const image = z.object({
  id,
  slug: z.string().nullish(),
  regions: z.array(z.string()),
  min_disk_size: z.number().nullish(),
  status: z.string().nullish(),
});

export type Image = z.infer<typeof image>;

export const imageAnswer = z.object({ image });

export const account = z.object({
  account: z.object({
    droplet_limit: z.int().nonnegative(),
    status: z.string().nullish(),
    status_message: z.string().nullish(),
  }),
});

export type Account = z.infer<typeof account>['account'];

export const sshKeyAnswer = z.object({ ssh_key: z.object({ id, fingerprint: z.string() }) });

export const firewall = z.object({ id: z.string(), name: z.string(), tags: z.array(z.string()).nullish() });

export const vpcAnswer = z.object({ vpc: z.object({ id: z.string(), region: z.string() }) });

/** Volumes and snapshots, as far as they can be left over. */
export const thing = z.object({ id: z.string(), tags: z.array(z.string()).nullish() });

export const tagAnswer = z.object({ tag: z.object({ resources: z.object({ count: z.int().nonnegative() }) }) });

/** Samples are texts; a droplet that was not measured has no row. */
export const bandwidth = z.object({
  data: z.object({
    result: z.array(z.object({ values: z.array(z.tuple([z.number(), z.string()])) })),
  }),
});

export const refusal = z.object({ id: z.string().max(100), message: z.string().nullish() });
