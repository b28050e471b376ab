import type { CallContext, Finding } from '../../src/provisioner/index.ts';
import type { Backend } from './backend.ts';
import { cutOffClones, remedyFor } from './cut-off.ts';
import { reasonOf } from './errors.ts';
import { GIB } from './room.ts';
import { isAllowedNode } from './schema.ts';
import { viewCluster } from './view.ts';
import type { PveNode } from './wire.ts';

/** Nodes, quorum, storage, pool, VMIDs. */
export async function checkHosts(backend: Backend, ctx: CallContext): Promise<Finding[]> {
  const nodes = await backend.pve.cluster.nodes(ctx.signal);
  const more = await Promise.all([
    quorum(backend, ctx),
    storage(backend, nodes, ctx),
    pool(backend, ctx),
    ids(backend, ctx),
    halves(backend, ctx),
  ]);
  return [...nodesAreUp(backend, nodes), ...more.flat()];
}

function nodesAreUp({ settings }: Backend, nodes: readonly PveNode[]): Finding[] {
  const named = settings.nodes === undefined || settings.nodes === 'all' ? [settings.node] : settings.nodes;
  const missing = named.filter((name) => !nodes.some(({ node }) => node === name));
  const down = nodes.filter(({ status }) => status !== 'online').map(({ node }) => node);
  const findings: Finding[] = missing.map((name) => ({
    level: 'fail',
    code: 'proxmox.node.missing',
    title: `The cluster has no node '${name}'; it has ${nodes.map(({ node }) => node).join(', ')}`,
    remedy: "Correct 'node' or 'nodes'.",
  }));
  for (const name of down) {
    findings.push({
      level: isAllowedNode(settings, name) ? 'fail' : 'warn',
      code: 'proxmox.node.down',
      title: `Node '${name}' is down: until it is back no machine can be called gone`,
      remedy: 'Start it, or remove it from the cluster for good.',
    });
  }
  if (findings.length > 0) return findings;
  return [
    { level: 'pass', code: 'proxmox.nodes.ok', title: `Nodes are up: ${nodes.map(({ node }) => node).join(', ')}` },
  ];
}

async function quorum({ pve }: Backend, { signal }: CallContext): Promise<Finding[]> {
  try {
    const members = await pve.cluster.status(signal);
    if (members.every(({ quorate }) => quorate !== false)) return [];
    return [
      {
        level: 'fail',
        code: 'proxmox.quorum.lost',
        title: 'The cluster has no quorum: nothing can be changed',
        remedy: 'Bring nodes back until more than half are up.',
      },
    ];
  } catch (error) {
    // Sys.Audit on / is more than the agent needs otherwise; that all nodes are up says nearly as much.
    if (reasonOf(error) === 'no-right') return [];
    throw error;
  }
}

const LITTLE_GB = 20;

async function storage(
  { pve, settings }: Backend,
  nodes: readonly PveNode[],
  { signal }: CallContext,
): Promise<Finding[]> {
  if (!nodes.some(({ node, status }) => node === settings.node && status === 'online')) return [];
  const seen = await pve.storage.onNode(settings.node, signal);
  const found = seen.find((each) => each.storage === settings.storage);
  if (found === undefined) {
    return [
      {
        level: 'fail',
        code: 'proxmox.storage.missing',
        title: `The token sees no storage '${settings.storage}' on node '${settings.node}'; it sees ${seen.map((each) => each.storage).join(', ') || 'none'}`,
        remedy: "Correct 'storage', or give the token Datastore.Audit on it.",
      },
    ];
  }
  if (!found.active || !found.enabled || !found.content.has('images')) {
    return [
      {
        level: 'fail',
        code: 'proxmox.storage.unusable',
        title: `Storage '${settings.storage}' is ${found.active && found.enabled ? 'not meant for disk images' : 'not active'}`,
        remedy: 'Enable it, and add the content "Disk image".',
      },
    ];
  }
  const freeGb = Math.floor((found.avail ?? 0) / GIB);
  const little = freeGb - settings.reserve_storage_gb < LITTLE_GB;
  return [
    {
      level: little ? 'warn' : 'pass',
      code: little ? 'proxmox.storage.low' : 'proxmox.storage.ok',
      title: `Storage '${settings.storage}' (${found.type}) has ${freeGb} GiB free, of which ${settings.reserve_storage_gb} are never sold`,
      ...(little ? { remedy: 'Make room.' } : {}),
    },
  ];
}

async function pool({ pve, settings }: Backend, { signal }: CallContext): Promise<Finding[]> {
  if (settings.pool === undefined) return [];
  try {
    await pve.pools.get(settings.pool, signal);
    return [{ level: 'pass', code: 'proxmox.pool.ok', title: `Pool '${settings.pool}' is there` }];
  } catch (error) {
    const reason = reasonOf(error);
    if (reason !== 'no-right' && reason !== 'no-pool' && reason !== 'missing') throw error;
    return [
      {
        level: 'fail',
        code: 'proxmox.pool.missing',
        title: `There is no pool '${settings.pool}' that the token may see`,
        remedy: "Make it, or give the token Pool.Audit on it, or correct 'pool'.",
      },
    ];
  }
}

/** What clones left behind that were cut off by the end of their host. */
async function halves(backend: Backend, ctx: CallContext): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const vmid of await cutOffClones(backend, ctx)) {
    if (await backend.pve.cluster.isIdFree(vmid, ctx.signal)) continue;
    findings.push({
      level: 'warn',
      code: 'proxmox.clone.cut-off',
      title: `VMID ${vmid} holds half a machine: its clone was cut off when its host failed, and no token may remove it`,
      remedy: `Look whether it is of use to anybody; then, ${remedyFor(vmid)}`,
    });
  }
  return findings;
}

/** Guests of others in our range are never touched; they only take numbers away. */
async function ids(backend: Backend, ctx: CallContext): Promise<Finding[]> {
  const { vmid_start: first, vmid_end: last } = backend.settings;
  const { rows } = await viewCluster(backend, ctx);
  const { machines, unclear } = await backend.registry.survey(rows, ctx);
  const ours = new Set(machines.map(({ machine }) => machine.vmid));
  const others = rows.filter(({ vmid }) => vmid >= first && vmid <= last && !ours.has(vmid)).map(({ vmid }) => vmid);
  const findings: Finding[] = unclear.map(({ vmid, why }) => ({
    level: 'warn',
    code: 'proxmox.machine.unclear',
    title: `VM ${vmid} may be a machine of this agent, and is left alone: ${why}`,
    remedy: 'Look at its notes: the line that begins with dc-agent-stamp must be as it was written, or not be there.',
  }));
  if (others.length === 0) return findings;
  return [
    ...findings,
    {
      level: 'warn',
      code: 'proxmox.vmid.clash',
      title: `${others.length} guests of others have a VMID between ${first} and ${last}, such as ${others.slice(0, 3).join(', ')}`,
      remedy: 'Nothing has to be done; a range of its own (vmid_start, vmid_end) keeps things apart for people.',
    },
  ];
}
