import { z } from 'zod';

const to = z.union([z.strictObject({ user: z.string() }), z.strictObject({ token: z.string() })]);

/**
 * One thing that the setup makes on a cluster, as its record names it. Noted before it is made: what is noted may exist, what is not
 * noted is not ours. Never holds a secret.
 */
export const made = z.discriminatedUnion('kind', [
  /** Contents that a storage was allowed to hold. */
  z.object({ kind: z.literal('content'), storage: z.string(), added: z.array(z.string()) }),
  z.object({ kind: z.literal('pool'), pool: z.string() }),
  /** A guest that was put into the pool. */
  z.object({ kind: z.literal('member'), pool: z.string(), vmid: z.number() }),
  z.object({ kind: z.literal('role'), role: z.string() }),
  /** Privileges of a role that was there already: as they were, and as they are now. */
  z.object({ kind: z.literal('privileges'), role: z.string(), were: z.array(z.string()), are: z.array(z.string()) }),
  z.object({ kind: z.literal('user'), user: z.string() }),
  z.object({ kind: z.literal('token'), user: z.string(), token: z.string() }),
  z.object({ kind: z.literal('right'), path: z.string(), role: z.string(), to }),
  /** A file below the snippets of a storage, on the host that the setup ran on. */
  z.object({ kind: z.literal('snippet'), volid: z.string() }),
  /** `since` in ms: where to look for a download that may still run. */
  z.object({ kind: z.literal('image'), node: z.string(), storage: z.string(), file: z.string(), since: z.number() }),
  /** Ours only while its description names this setup. */
  z.object({ kind: z.literal('template'), node: z.string(), vmid: z.number(), setup: z.string(), since: z.number() }),
]);

export type Made = z.infer<typeof made>;

/** Where what was made is written down, durable before a promise resolves. */
export interface Journal {
  /** In the order in which it was made. */
  readonly made: readonly Made[];
  add(thing: Made): Promise<void>;
  /** It is gone. */
  drop(thing: Made): Promise<void>;
}

/** In the operator's words. */
export function nameOf(thing: Made): string {
  switch (thing.kind) {
    case 'content':
      return `${thing.added.join(' and ')} on storage '${thing.storage}'`;
    case 'pool':
      return `pool '${thing.pool}'`;
    case 'member':
      return `VM ${thing.vmid} in pool '${thing.pool}'`;
    case 'role':
      return `role '${thing.role}'`;
    case 'privileges':
      return `privileges of role '${thing.role}'`;
    case 'user':
      return `user ${thing.user}`;
    case 'token':
      return `token ${thing.user}!${thing.token}`;
    case 'right':
      return `rights of ${'user' in thing.to ? thing.to.user : thing.to.token} on ${thing.path}`;
    case 'snippet':
      return `snippet ${thing.volid}`;
    case 'image':
      return `image ${thing.storage}:import/${thing.file}`;
    case 'template':
      return `template ${thing.vmid} on node '${thing.node}'`;
    default:
      return thing satisfies never;
  }
}
