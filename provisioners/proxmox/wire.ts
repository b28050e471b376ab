import { z } from 'zod';
import { count, flag, maybe, text, truth } from './wire-scalars.ts';

/**
 * What Proxmox VE 7.4 to 9 answers, as far as it is used. Unknown fields and values are tolerated; what is required here is what
 * nothing can be decided without.
 */
export const nothing = z.unknown().transform(() => undefined);

export const list = z.array(z.unknown());

export const version = z.object({ version: text, release: maybe(text) }).transform(({ version }) => {
  const [major = 0, minor = 0] = version.split(/[^0-9]+/).map(Number);
  return { text: version, major, minor };
});
export type PveVersion = z.infer<typeof version>;

export const node = z.object({
  node: text,
  status: text,
  /** SHA-256 of the certificate that this node shows, `AA:BB:…`. */
  ssl_fingerprint: maybe(text),
});
export type PveNode = z.infer<typeof node>;

export const nodeStatus = z.object({
  cpuinfo: z.object({ cpus: count, cores: maybe(count), sockets: maybe(count), model: maybe(text) }),
  memory: z.object({ total: count, used: count, free: count, available: maybe(count) }),
  uptime: maybe(count),
  pveversion: maybe(text),
});
export type PveNodeStatus = z.infer<typeof nodeStatus>;

/** A row of cluster/resources that is a guest. Lags by up to ten seconds; `node` and `pool` are always current. */
export const vmRow = z.object({
  type: z.enum(['qemu', 'lxc']),
  vmid: count,
  node: text,
  /** `unknown` for a fresh guest, and on a node that does not report. */
  status: text,
  name: maybe(text),
  template: flag,
  tags: maybe(text),
  pool: maybe(text),
  lock: maybe(text),
  uptime: maybe(count),
  maxcpu: maybe(count),
  maxmem: maybe(count),
  maxdisk: maybe(count),
  netin: maybe(count),
  netout: maybe(count),
});
export type PveVmRow = z.infer<typeof vmRow>;

/** A row of cluster/resources that is a node. `status` comes from the cluster itself; the figures need Sys.Audit on the node. */
export const nodeRow = z.object({
  type: z.literal('node'),
  node: text,
  status: text,
  /** Bytes, some ten seconds old. */
  mem: maybe(count),
  maxmem: maybe(count),
});
export type PveNodeRow = z.infer<typeof nodeRow>;

export const clusterMember = z.object({
  type: text,
  name: text,
  /** Of the cluster's own row; absent on a single node, which is always quorate. */
  quorate: maybe(truth),
  /** Of a node's row. */
  online: maybe(truth),
  ip: maybe(text),
  local: maybe(truth),
});
export type PveClusterMember = z.infer<typeof clusterMember>;

/** Raw `key=value,…` texts, as the host stores them. A configuration always has a digest; an object without one is not one. */
export const vmConfig = z
  .looseObject({ digest: text })
  .transform((raw): VmConfig => Object.fromEntries(Object.entries(raw).flatMap(([key, value]) => scalar(key, value))));
export type VmConfig = Readonly<Record<string, string>>;

export const vmStatus = z.object({
  vmid: count,
  status: text,
  /** Finer than `status`: `paused`, `prelaunch`, `io-error`, … */
  qmpstatus: maybe(text),
  name: maybe(text),
  lock: maybe(text),
  template: flag,
  ha: maybe(z.object({ managed: flag, state: maybe(text) })),
  pid: maybe(count),
  /** Seconds. */
  uptime: maybe(count),
  cpus: maybe(count),
  maxmem: maybe(count),
  maxdisk: maybe(count),
  /** Bytes as the guest sees them, since the tap device was made. */
  netin: maybe(count),
  netout: maybe(count),
  agent: maybe(truth),
});
export type VmStatus = z.infer<typeof vmStatus>;

/** A row of a node's own list of guests. */
export const vmOnNode = z.object({ vmid: count, status: text, netout: maybe(count) });
export type VmOnNode = z.infer<typeof vmOnNode>;

export const pool = z.object({
  comment: maybe(text),
  members: z.array(z.object({ type: text, vmid: maybe(count), storage: maybe(text), node: maybe(text) })),
});
export type PvePool = z.infer<typeof pool>;

export const poolRow = z.object({ poolid: text, comment: maybe(text) });

export const nextId = count;

export const bridge = z.object({
  iface: text,
  type: text,
  active: flag,
  cidr: maybe(text),
  gateway: maybe(text),
  bridge_vlan_aware: flag,
});
export type PveBridge = z.infer<typeof bridge>;

export const pciDevice = z.object({
  id: text,
  /** `0x030000` = a VGA controller. */
  class: text,
  vendor: text,
  device: text,
  vendor_name: maybe(text),
  device_name: maybe(text),
  /** -1 = IOMMU off. */
  iommugroup: maybe(count),
});
export type PvePciDevice = z.infer<typeof pciDevice>;

export const certificate = z.object({
  filename: text,
  fingerprint: maybe(text),
  pem: maybe(text),
  subject: maybe(text),
  /** Seconds since 1970. */
  notafter: maybe(count),
});
export type PveCertificate = z.infer<typeof certificate>;

function scalar(key: string, value: unknown): [string, string][] {
  return typeof value === 'string' || typeof value === 'number' ? [[key, String(value)]] : [];
}
