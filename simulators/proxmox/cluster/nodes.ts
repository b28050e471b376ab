import { type Call, died, type Endpoint, type Pve } from '../call.ts';
import { memoryOf } from '../qemu/status.ts';
import { NODE } from '../rules.ts';
import type { Node } from '../state.ts';
import { usageOf } from '../storage/usage.ts';
import { versionOf } from './version.ts';

export const nodeEndpoints: readonly Endpoint[] = [
  {
    method: 'GET',
    path: '/version',
    params: {},
    permission: 'all',
    handle: ({ pve }) => versionOf(pve.personality),
  },
  {
    method: 'GET',
    path: '/nodes',
    params: {},
    permission: 'all',
    handle: ({ pve, may }) => [...pve.cluster.nodes.values()].map((node) => nodeRow(pve, node, may)),
  },
  {
    method: 'GET',
    path: '/nodes/{node}/version',
    params: { node: NODE },
    permission: 'all',
    handle: ({ pve }) => versionOf(pve.personality),
  },
  {
    method: 'GET',
    path: '/nodes/{node}/status',
    params: { node: NODE },
    permission: ['perm', '/nodes/{node}', ['Sys.Audit']],
    handle: ({ pve, params }) => status(pve, nodeNamed(pve, params.text('node'))),
  },
  {
    method: 'GET',
    path: '/cluster/status',
    params: {},
    permission: ['perm', '/', ['Sys.Audit']],
    protected: true,
    handle: ({ pve }) => clusterStatus(pve),
  },
];

/** @throws Error when the cluster has no such node: the dispatcher refuses such calls before. */
export function nodeNamed({ cluster }: Pve, name: string): Node {
  const node = name === 'localhost' ? [...cluster.nodes.values()][0] : cluster.nodes.get(name);
  if (!node) throw died(`no such cluster node '${name}'`);
  return node;
}

/** What everybody may know of a node, and its figures for whom may see them. */
function nodeRow(pve: Pve, node: Node, may: Call['may']): object {
  return {
    id: `node/${node.name}`,
    type: 'node',
    node: node.name,
    level: '',
    status: node.online ? 'online' : 'offline',
    ssl_fingerprint: node.certificate.fingerprint,
    ...(node.online && may(`/nodes/${node.name}`, 'Sys.Audit') ? nodeFigures(pve, node) : {}),
  };
}

/** Load and sizes, as pvestatd tells them. */
export function nodeFigures(pve: Pve, node: Node): object {
  const root = rootDisk(pve, node);
  return {
    cpu: 0.02,
    maxcpu: node.cores,
    mem: usedMemory(pve, node),
    maxmem: node.memoryBytes,
    disk: root.used,
    maxdisk: root.total,
    uptime: uptimeOf(pve, node),
  };
}

function status(pve: Pve, node: Node): object {
  const { version, repoid } = versionOf(pve.personality);
  const used = usedMemory(pve, node);
  const free = node.memoryBytes - used;
  const root = rootDisk(pve, node);
  const kernel = { sysname: 'Linux', release: '6.14.8-2-pve', version: '#1 SMP PREEMPT_DYNAMIC', machine: 'x86_64' };
  return {
    uptime: uptimeOf(pve, node),
    loadavg: ['0.12', '0.09', '0.05'],
    cpu: 0.02,
    wait: 0,
    idle: 0,
    pveversion: `pve-manager/${version}/${repoid}`,
    kversion: `${kernel.sysname} ${kernel.release} ${kernel.version}`,
    'current-kernel': kernel,
    'boot-info': { mode: 'efi', secureboot: 0 },
    cpuinfo: {
      model: node.cpuModel,
      ...(pve.personality === '9.1' ? { vendor: 'AuthenticAMD', family: '23' } : {}),
      sockets: 1,
      cores: node.cores,
      cpus: node.cores,
      mhz: '2596.138',
      user_hz: 100,
      hvm: '1',
      flags: 'fpu vme de pse tsc msr pae mce cx8 apic sep mtrr pge mca cmov pat svm',
    },
    memory: {
      total: node.memoryBytes,
      used,
      free,
      ...(pve.personality === '9.1' ? { available: free } : {}),
    },
    swap: { total: 0, used: 0, free: 0 },
    rootfs: { total: root.total, used: root.used, avail: root.total - root.used, free: root.total - root.used },
    ksm: { shared: 0 },
  };
}

/** A node by itself has no cluster row: nothing says `quorate` there. */
function clusterStatus({ cluster }: Pve): unknown[] {
  const nodes = [...cluster.nodes.values()];
  const single = nodes.length === 1;
  const rows = nodes.map((node, index) => ({
    id: `node/${node.name}`,
    type: 'node',
    name: node.name,
    nodeid: single ? 0 : index + 1,
    ip: node.address,
    level: '',
    local: index === 0 ? 1 : 0,
    online: node.online ? 1 : 0,
  }));
  if (single) return rows;
  const quorate = cluster.quorate ? 1 : 0;
  return [{ id: 'cluster', type: 'cluster', name: cluster.name, nodes: nodes.length, version: 1, quorate }, ...rows];
}

/** The host's own share, and all of what its running machines were given: none gives memory back here. */
function usedMemory({ cluster }: Pve, node: Node): number {
  const running = [...cluster.guests.values()].filter(
    (guest) => guest.node === node.name && guest.status === 'running',
  );
  const sold = running.reduce((sum, guest) => sum + memoryOf(guest.started ?? guest.config), 0);
  return Math.min(node.memoryBytes, HOST_BYTES + sold);
}

const HOST_BYTES = 2 * 1024 ** 3;

function uptimeOf({ clock }: Pve, node: Node): number {
  return node.online ? Math.max(0, Math.floor((clock.now() - node.startedAt) / 1000)) : 0;
}

function rootDisk(pve: Pve, node: Node): { total: number; used: number } {
  const local = pve.cluster.storages.get('local');
  return local ? usageOf(node, local) : { total: 0, used: 0 };
}
