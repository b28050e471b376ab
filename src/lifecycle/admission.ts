import type { Inventory } from '../provisioner/contract.ts';

/** What a machine takes; unknown amounts count as nothing. */
export interface Demand {
  readonly cpuCores?: number;
  readonly memoryMb?: number;
  readonly storageGb?: number;
}

/**
 * Whether one more machine fits: free as last measured, less what was promised since then, less head-room. Pure.
 * Returns the reason when it does not. A backend that cannot tell its memory (total 0) is taken at its word when it refuses.
 */
export function admit(
  demand: Demand,
  inventory: Inventory | undefined,
  promised: readonly Demand[],
  headroomMb: number,
): { fits: true } | { fits: false; why: string } {
  const { cpuCores = 0, memoryMb = 0, storageGb = 0 } = demand;
  if (inventory === undefined) return { fits: false, why: 'the backend has not told its capacity yet' };
  if (inventory.machinesFree !== undefined && inventory.machinesFree - promised.length < 1) {
    return { fits: false, why: 'no free port or address for another machine' };
  }
  const memoryLeft = inventory.memoryFreeMb - headroomMb - sum(promised, 'memoryMb');
  if (inventory.memoryTotalMb > 0 && memoryMb > memoryLeft) {
    return {
      fits: false,
      why: `needs ${memoryMb} MiB of memory, ${Math.max(0, Math.floor(memoryLeft))} MiB left`,
    };
  }
  if (inventory.cpuThreads > 0 && cpuCores > inventory.cpuThreads) {
    return { fits: false, why: `needs ${cpuCores} cores, the host has ${inventory.cpuThreads}` };
  }
  const storageLeft = Math.max(...inventory.storages.map((storage) => storage.freeGb)) - sum(promised, 'storageGb');
  if (inventory.storages.length > 0 && storageGb > storageLeft) {
    return {
      fits: false,
      why: `needs ${storageGb} GiB of disk, ${Math.max(0, Math.floor(storageLeft))} GiB left`,
    };
  }
  return { fits: true };
}

function sum(demands: readonly Demand[], key: keyof Demand): number {
  return demands.reduce((total, demand) => total + (demand[key] ?? 0), 0);
}
