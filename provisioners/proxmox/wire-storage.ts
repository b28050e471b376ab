import { z } from 'zod';
import { count, flag, maybe, text } from './wire-scalars.ts';

/** `iso,images,…`, in an order that changes from call to call. */
const contents = text.transform((joined): ReadonlySet<string> => new Set(joined.split(',').filter(Boolean)));

/** A storage as one node has it. Sizes are bytes, absent while it is not active. */
export const nodeStorage = z.object({
  storage: text,
  type: text,
  content: contents,
  enabled: flag,
  active: flag,
  shared: flag,
  total: maybe(count),
  used: maybe(count),
  avail: maybe(count),
});
export type PveNodeStorage = z.infer<typeof nodeStorage>;

/** A row of cluster/resources that is a storage of one node. Bytes, some ten seconds old. */
export const storageRow = z.object({
  type: z.literal('storage'),
  storage: text,
  node: text,
  status: maybe(text),
  disk: maybe(count),
  maxdisk: maybe(count),
});
export type PveStorageRow = z.infer<typeof storageRow>;

/** A storage as the datacenter defines it. */
export const storageDefinition = z.object({
  storage: text,
  type: text,
  content: contents,
  digest: maybe(text),
  shared: flag,
  disable: flag,
  nodes: maybe(text),
});
export type PveStorageDefinition = z.infer<typeof storageDefinition>;

export const volume = z.object({
  volid: text,
  content: maybe(text),
  format: maybe(text),
  /** Bytes. */
  size: maybe(count),
  used: maybe(count),
  vmid: maybe(count),
  /** Of a linked clone: its base volume. */
  parent: maybe(text),
  /** Seconds since 1970. */
  ctime: maybe(count),
});
export type PveVolume = z.infer<typeof volume>;

export const urlMetadata = z.object({ size: maybe(count), filename: maybe(text), mimetype: maybe(text) });
export type PveUrlMetadata = z.infer<typeof urlMetadata>;
