import { createHash } from 'node:crypto';
import { builtInRoles } from './access/privileges.ts';
import type { Personality } from './call.ts';
import type { Cluster, Node, NodeCertificate, PciDevice, StorageDef, User } from './state.ts';

export interface NodeSpec {
  readonly name: string;
  readonly address?: string;
  readonly cores?: number;
  readonly memoryGb?: number;
  readonly bridges?: Readonly<Record<string, { readonly cidr?: string; readonly vlanAware?: boolean }>>;
  readonly pci?: readonly PciDevice[];
}

export interface StorageSpec {
  readonly id: string;
  readonly type: StorageDef['type'];
  readonly content: readonly string[];
  readonly totalGb?: number;
  readonly usedGb?: number;
  readonly shared?: boolean;
  readonly nodes?: readonly string[];
}

export interface ClusterSpec {
  readonly now: number;
  readonly personality: Personality;
  readonly nodes: readonly NodeSpec[];
  readonly storages: readonly StorageSpec[];
  readonly rootPassword?: string;
}

const GB = 1024 ** 3;
const UPTIME_MS = 86_400_000;

/** A cluster as the installer leaves it: hosts, storages, and root. */
export function createCluster({ now, personality, nodes, storages, rootPassword }: ClusterSpec): Cluster {
  return {
    name: 'lab',
    nodes: new Map(nodes.map((spec, index) => [spec.name, createNode(spec, index, now)])),
    guests: new Map(),
    storages: new Map(storages.map((spec) => [spec.id, createStorage(spec)])),
    pools: new Map(),
    users: new Map([['root@pam', createUser('root@pam', rootPassword)]]),
    roles: builtInRoles(personality),
    acl: [],
    options: new Map(),
    firewall: { enable: false, options: new Map() },
    nextId: { lower: 100, upper: 1_000_000 },
    quorate: true,
    seen: new Map(),
  };
}

export function createUser(id: string, password?: string): User {
  return { id, enable: true, expire: 0, tokens: new Map(), ...(password === undefined ? {} : { password }) };
}

function createNode(spec: NodeSpec, index: number, now: number): Node {
  const { name, address = `10.10.10.${index + 1}`, cores = 16, memoryGb = 64, pci = [] } = spec;
  const bridges = spec.bridges ?? { vmbr0: { cidr: `${address}/24` } };
  return {
    name,
    address,
    online: true,
    startedAt: now - UPTIME_MS,
    cpuModel: 'AMD EPYC 7302P 16-Core Processor',
    cores,
    memoryBytes: memoryGb * GB,
    bridges: new Map(
      Object.entries(bridges).map(([bridge, { cidr, vlanAware = false }]) => [
        bridge,
        { vlanAware, ...(cidr === undefined ? {} : { cidr }) },
      ]),
    ),
    volumes: new Map(),
    pci,
    certificate: unserved(name),
  };
}

/** Stands in for a certificate until a server shows a real one; made from the name, so that runs can be repeated. */
function unserved(name: string): NodeCertificate {
  const hex = createHash('sha256').update(name).digest('hex').toUpperCase();
  return { fingerprint: (hex.match(/../g) ?? []).join(':') };
}

function createStorage({
  id,
  type,
  content,
  totalGb = 500,
  usedGb = 10,
  shared = false,
  nodes,
}: StorageSpec): StorageDef {
  const directory = id === 'local' ? '/var/lib/vz' : `/mnt/pve/${id}`;
  return {
    id,
    type,
    content: new Set(content),
    shared,
    ...(nodes ? { nodes } : {}),
    totalBytes: totalGb * GB,
    usedBytes: usedGb * GB,
    ...(type === 'dir' || type === 'nfs' || type === 'btrfs' ? { directory } : {}),
  };
}
