import { type CallContext, type Inventory, ProvisionerError, type Storage } from '../../src/provisioner/index.ts';
import { addressesFree } from './address.ts';
import type { Backend } from './backend.ts';
import { staticIpv4 } from './machine.ts';
import { GIB, MIB, memoryRoom, storageRoom } from './room.ts';
import { isAllowedNode, type ProxmoxSettings } from './schema.ts';
import { allowedTemplates } from './template.ts';
import { recentView, type View } from './view.ts';
import type { PveNodeRow, PveNodeStatus, PveVmRow } from './wire.ts';
import type { PveNodeStorage, PveStorageRow } from './wire-storage.ts';

/**
 * What the allowed nodes have together. A machine lives on one node, so `memoryFreeMb` is the most that one of them has left. A node
 * that the token may not look at counts as nothing; a total of 0 means that nobody knows. What changes from minute to minute comes from
 * the same look at the cluster as the list of machines; the rest is asked rarely.
 */
export async function takeInventory(backend: Backend, ctx: CallContext): Promise<Inventory> {
  const { facts, settings, reservations } = backend;
  const view = await recentView(backend, ctx);
  const { rows } = view;
  const up = view.nodes.filter(({ node, status }) => status === 'online' && isAllowedNode(settings, node));
  if (up.length === 0) throw new ProvisionerError('retry', "No node of 'nodes' is up");
  const names = up.map(({ node }) => node);
  const statuses = await Promise.all(up.map(async (row) => ({ node: row.node, status: await statusOf(row) })));
  const nodes = statuses.flatMap(({ node, status }) => (status === 'unseen' ? [] : [{ node, status }]));
  const rooms = nodes.map(({ node, status }) => memoryRoom(node, status, rows, reservations.all(), settings));
  const machinesFree = await freeAddresses(backend, rows, ctx);
  const model = nodes[0]?.status.cpuinfo.model;
  return {
    ...(model === undefined ? {} : { cpuModel: model }),
    cpuCores: sum(nodes.map(({ status }) => coresOf(status))),
    cpuThreads: sum(nodes.map(({ status }) => status.cpuinfo.cpus)),
    memoryTotalMb: Math.floor(sum(nodes.map(({ status }) => status.memory.total)) / MIB),
    memoryFreeMb: Math.floor(Math.max(0, ...rooms) / MIB),
    storages: (await Promise.all(names.map((node) => storagesOf(backend, node, view, names.length > 1, ctx))))
      .flat()
      .filter(unique()),
    templates: allowedTemplates(rows, settings).map(({ vmid, name }) => ({ id: vmid, name: name ?? `VM ${vmid}` })),
    gpus: (await Promise.all(names.map((node) => gpusOf(backend, node, ctx)))).flat(),
    ...(machinesFree === undefined ? {} : { machinesFree }),
  };

  async function statusOf({ node, mem, maxmem }: PveNodeRow): Promise<PveNodeStatus | 'unseen'> {
    const known = await facts.node(node, 'lately', ctx.signal);
    if (known === 'unseen') return known;
    if (mem === undefined || maxmem === undefined) return facts.node(node, 'now', ctx.signal);
    return { ...known, memory: { total: maxmem, used: mem, free: maxmem - mem, available: undefined } };
  }
}

/** `cores` is per socket; threads are counted in `cpus`. */
function coresOf({ cpuinfo: { cores, sockets, cpus } }: PveNodeStatus): number {
  return cores === undefined ? cpus : cores * (sockets ?? 1);
}

async function storagesOf(
  { facts, settings, reservations }: Backend,
  node: string,
  { storages: rows }: View,
  several: boolean,
  { signal }: CallContext,
): Promise<Storage[]> {
  const storages = await facts.storages(node, 'lately', signal);
  return storages
    .map((storage) => asSeen(storage, node, rows))
    .filter(({ content, active, enabled }) => content.has('images') && active && enabled)
    .map((storage) => {
      const totalGb = Math.floor((storage.total ?? 0) / GIB);
      const room = Math.floor(storageRoom(node, storage, reservations.all(), settings) / GIB);
      return {
        name: several && !storage.shared ? `${storage.storage}@${node}` : storage.storage,
        kind: storage.type,
        totalGb,
        freeGb: Math.min(totalGb, room),
      };
    });
}

/** With its present sizes. A file system keeps some of its room to itself, which the look at the cluster does not show. */
function asSeen(known: PveNodeStorage, node: string, rows: readonly PveStorageRow[]): PveNodeStorage {
  const row = rows.find((each) => each.node === node && each.storage === known.storage);
  if (row?.disk === undefined || row.maxdisk === undefined) return known;
  const { total = 0, used = 0, avail = total - used } = known;
  const kept = Math.max(0, total - used - avail);
  const active = row.status === undefined || row.status === 'available';
  return { ...known, active, total: row.maxdisk, used: row.disk, avail: Math.max(0, row.maxdisk - row.disk - kept) };
}

/** A storage that is shared shows on every node. */
function unique(): (storage: Storage) => boolean {
  const seen = new Set<string>();
  return ({ name }) => !seen.has(name) && seen.add(name).size > 0;
}

async function freeAddresses(
  { settings, registry }: Backend,
  rows: readonly PveVmRow[],
  ctx: CallContext,
): Promise<number | undefined> {
  const pool: ProxmoxSettings['address'] = settings.address;
  if (pool === 'dhcp') return undefined;
  const { machines } = await registry.survey(rows, ctx);
  const taken = machines.map(({ machine }) => staticIpv4(machine.config)).filter((address) => address !== undefined);
  return addressesFree(pool, new Set(taken));
}

/** The text consoles of server boards (ASPEED, Matrox) and those that virtual machines have. */
const NO_GPU_VENDORS: ReadonlySet<string> = new Set([
  '0x1a03',
  '0x102b',
  '0x1234',
  '0x1af4',
  '0x1b36',
  '0x15ad',
  '0x1013',
]);

/** Display controllers (class 03) that could be handed to a machine: without an IOMMU group none can. */
async function gpusOf({ facts }: Backend, node: string, { signal }: CallContext): Promise<Inventory['gpus']> {
  return (await facts.pci(node, signal))
    .filter((device) => device.class.startsWith('0x03') && (device.iommugroup ?? -1) >= 0)
    .filter(({ vendor }) => !NO_GPU_VENDORS.has(vendor.toLowerCase()))
    .map(({ id, device, vendor, device_name, vendor_name }) => ({
      pciId: id,
      name: device_name ?? device,
      vendor: vendor_name ?? vendor,
    }));
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
