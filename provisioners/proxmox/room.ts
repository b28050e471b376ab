import type { Reservation } from './reservations.ts';
import type { ProxmoxSettings } from './schema.ts';
import { DC_TAG, hasTag } from './tags.ts';
import type { PveNodeStatus, PveVmRow } from './wire.ts';
import type { PveNodeStorage } from './wire-storage.ts';

export const MIB = 2 ** 20;
export const GIB = 2 ** 30;

type Reserves = Pick<ProxmoxSettings, 'reserve_memory_mb' | 'reserve_storage_gb' | 'vmid_start' | 'vmid_end'>;

/**
 * Bytes of memory that a node could still give to a new machine: neither more than what is not sold, where a machine of ours counts
 * in full although it is idle or off, nor more than what is free in truth, where guests show that we may not see.
 */
export function memoryRoom(
  node: string,
  status: PveNodeStatus,
  rows: readonly PveVmRow[],
  reservations: readonly Reservation[],
  settings: Reserves,
): number {
  const promised = reservations.filter((each) => each.node === node);
  const underway = new Set(promised.map(({ vmid }) => vmid));
  const sold = rows
    .filter((row) => row.node === node && !row.template && !underway.has(row.vmid))
    .filter((row) => row.status !== 'stopped' || isSold(row, settings))
    .reduce((sum, { maxmem = 0 }) => sum + maxmem, 0);
  const promisedBytes = promised.reduce((sum, { memoryBytes }) => sum + memoryBytes, 0);
  const { total, used, available = total - used } = status.memory;
  const reserve = settings.reserve_memory_mb * MIB;
  return Math.max(0, Math.min(total - reserve - sold, available) - promisedBytes);
}

/** Bytes that a storage could still give to a new disk; 0 while it is not active. */
export function storageRoom(
  node: string,
  { storage, shared, active, enabled, avail = 0 }: PveNodeStorage,
  reservations: readonly Reservation[],
  { reserve_storage_gb: reserve }: Reserves,
): number {
  if (!active || !enabled) return 0;
  const promised = reservations
    .filter((each) => each.storage === storage && (shared || each.node === node))
    .reduce((sum, { storageBytes }) => sum + storageBytes, 0);
  return Math.max(0, avail - reserve * GIB - promised);
}

/** A machine that is off was sold all the same, unless it is the operator's own. */
function isSold({ vmid, tags }: PveVmRow, { vmid_start, vmid_end }: Reserves): boolean {
  return (vmid >= vmid_start && vmid <= vmid_end) || hasTag(tags, DC_TAG);
}
