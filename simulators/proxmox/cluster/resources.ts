import type { Call, Endpoint, Pve } from '../call.ts';
import { coresOf, diskOf, memoryOf } from '../qemu/status.ts';
import type { Guest, Node, Seen } from '../state.ts';
import { usageOf, visibleOn } from '../storage/usage.ts';
import { nodeFigures } from './nodes.ts';
import { statdRound } from './statd.ts';

export const resourceEndpoints: readonly Endpoint[] = [
  {
    method: 'GET',
    path: '/cluster/resources',
    params: { type: { type: 'string', optional: true, enum: ['vm', 'storage', 'node', 'sdn'] } },
    permission: 'all',
    handle: list,
  },
];

/** So long is the last word of a node's pvestatd believed. */
const SEEN_FOR_MS = 300_000;

/**
 * Everything in the cluster that the caller may see, in one answer. Which machines there are, and where, is always true;
 * their state, name and figures are those of pvestatd's last round.
 */
function list(call: Call): unknown[] {
  const { pve, params, may } = call;
  const { cluster } = pve;
  const kind = params.textOr('type', undefined);
  const rows: unknown[] = [];
  if (kind === undefined) {
    for (const pool of cluster.pools.keys()) {
      if (may(`/pool/${pool}`, 'Pool.Audit')) rows.push({ id: `/pool/${pool}`, type: 'pool', pool });
    }
  }
  if (kind === undefined || kind === 'vm') {
    const guests = [...cluster.guests.values()].filter(({ vmid }) => may(`/vms/${vmid}`, 'VM.Audit'));
    rows.push(...guests.map((guest) => guestRow(pve, guest)));
  }
  if (kind === undefined || kind === 'node') {
    rows.push(...[...cluster.nodes.values()].map((node) => nodeResource(pve, node, may)));
  }
  if (kind === undefined || kind === 'storage') rows.push(...storageRows(call));
  if (kind === 'sdn' || (kind === undefined && may('/sdn/zones/localnetwork', 'SDN.Audit'))) rows.push(...zones(call));
  return rows;
}

/** One machine as cluster/resources and pools show it. A fresh id has neither name nor state until the next round. */
export function guestRow(pve: Pve, guest: Guest): Record<string, unknown> {
  const { config, vmid, node } = guest;
  const seen = lastSeen(pve, vmid);
  const tags = config.get('tags');
  return {
    id: `qemu/${vmid}`,
    type: 'qemu',
    vmid,
    node,
    ...(guest.pool === undefined ? {} : { pool: guest.pool }),
    ...(tags === undefined || tags === '' ? {} : { tags }),
    ...(guest.lock === undefined ? {} : { lock: guest.lock }),
    ...(seen ? figures(pve, guest, seen) : { status: 'unknown' }),
  };
}

function figures(pve: Pve, { config }: Guest, seen: Seen): object {
  const maxmem = memoryOf(config);
  const running = seen.status === 'running';
  return {
    status: seen.status,
    name: seen.name,
    template: seen.template ? 1 : 0,
    uptime: seen.uptime,
    cpu: running ? 0.01 : 0,
    maxcpu: coresOf(config),
    mem: running ? Math.floor(maxmem * 0.4) : 0,
    maxmem,
    ...(pve.personality === '9.1' ? { memhost: running ? Math.floor(maxmem * 0.5) : 0 } : {}),
    disk: 0,
    maxdisk: diskOf(config),
    diskread: 0,
    diskwrite: 0,
    netin: seen.netin,
    netout: seen.netout,
  };
}

/** Without rounds (`statdMs` 0) everything is always fresh. */
function lastSeen(pve: Pve, vmid: number): Seen | undefined {
  if (pve.timings.statdMs <= 0) statdRound(pve);
  const seen = pve.cluster.seen.get(vmid);
  return seen && pve.clock.now() - seen.at < SEEN_FOR_MS ? seen : undefined;
}

function nodeResource(pve: Pve, node: Node, may: Call['may']): object {
  const seesFigures = node.online && may(`/nodes/${node.name}`, 'Sys.Audit');
  return {
    id: `node/${node.name}`,
    type: 'node',
    node: node.name,
    level: '',
    status: node.online ? 'online' : 'offline',
    ...(node.online ? { 'cgroup-mode': 2 } : {}),
    ...(seesFigures ? nodeFigures(pve, node) : {}),
  };
}

function storageRows({ pve, may }: Call): unknown[] {
  const rows: unknown[] = [];
  for (const storage of pve.cluster.storages.values()) {
    const path = `/storage/${storage.id}`;
    if (!may(path, 'Datastore.Audit') && !may(path, 'Datastore.AllocateSpace')) continue;
    for (const node of pve.cluster.nodes.values()) {
      if (!visibleOn(storage, node)) continue;
      const { total, used } = usageOf(node, storage);
      rows.push({
        id: `storage/${node.name}/${storage.id}`,
        type: 'storage',
        storage: storage.id,
        node: node.name,
        plugintype: storage.type,
        content: [...storage.content].join(','),
        shared: storage.shared ? 1 : 0,
        status: node.online && !storage.disabled ? 'available' : 'unknown',
        ...(node.online ? { disk: used, maxdisk: total } : {}),
      });
    }
  }
  return rows;
}

function zones({ pve }: Call): unknown[] {
  return [...pve.cluster.nodes.values()].map(({ name, online }) => ({
    id: `sdn/${name}/localnetwork`,
    type: 'sdn',
    sdn: 'localnetwork',
    node: name,
    status: online ? 'ok' : 'unknown',
  }));
}
