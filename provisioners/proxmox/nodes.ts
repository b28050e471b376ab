import { ProvisionerError } from '../../src/provisioner/index.ts';
import type { CloneOrder, VmAt } from './api-vms.ts';
import type { Reservation } from './reservations.ts';
import { GIB, MIB, memoryRoom, storageRoom } from './room.ts';
import type { ProxmoxSettings } from './schema.ts';
import type { PveNodeStatus, PveVmRow } from './wire.ts';
import type { PveNodeStorage } from './wire-storage.ts';

/** One way to make the machine: this template, on this node. */
export interface Option {
  readonly template: VmAt;
  readonly node: string;
  readonly how: CloneOrder['how'];
  /** Where its disk will be. */
  readonly storage: string;
  readonly storages: readonly PveNodeStorage[];
  readonly status: PveNodeStatus | 'unseen';
}

export interface Need {
  readonly cores: number;
  readonly memoryMb: number;
  readonly diskBytes: number;
}

/**
 * The option whose node has most memory left. Throws `permanent` when no node could ever hold the machine, `config` when the storage
 * is not what the settings say, else `capacity`, with what is missing where.
 */
export function chooseNode(
  options: readonly Option[],
  need: Need,
  rows: readonly PveVmRow[],
  reservations: readonly Reservation[],
  settings: ProxmoxSettings,
): Option {
  const judged = options.map((option) => ({ option, ...judge(option, need, rows, reservations, settings) }));
  const [best] = judged.filter(({ lack }) => lack === undefined).sort((a, b) => b.room - a.room);
  if (best !== undefined) return best.option;
  if (judged.length === 0) {
    throw new ProvisionerError(
      'config',
      "No node of 'nodes' has the template: put one there, or name its node in 'nodes'",
    );
  }
  const why = [...new Set(judged.map(({ option, lack }) => `${option.node}: ${lack?.text ?? ''}`))].join('; ');
  const kinds = new Set(judged.map(({ lack }) => lack?.kind));
  const kind = kinds.has('capacity') ? 'capacity' : kinds.has('config') ? 'config' : 'permanent';
  const publicText = 'This machine is larger than any host here.';
  throw new ProvisionerError(kind, `No node can take this machine: ${why}`, kind === 'permanent' ? { publicText } : {});
}

interface Verdict {
  /** Bytes of memory that are left. */
  readonly room: number;
  readonly lack?: { readonly kind: 'capacity' | 'config' | 'permanent'; readonly text: string };
}

function judge(
  { node, storage, storages, status }: Option,
  { cores, memoryMb, diskBytes }: Need,
  rows: readonly PveVmRow[],
  reservations: readonly Reservation[],
  settings: ProxmoxSettings,
): Verdict {
  const found = storages.find((each) => each.storage === storage);
  // Without the right to see the node, the host itself decides whether the machine starts.
  const room = status === 'unseen' ? 0 : memoryRoom(node, status, rows, reservations, settings);
  const lacking = (kind: 'capacity' | 'config' | 'permanent', text: string): Verdict => ({
    room,
    lack: { kind, text },
  });
  if (found === undefined)
    return lacking('config', `the token sees no storage '${storage}': correct 'storage' or its rights`);
  if (!found.content.has('images')) return lacking('config', `storage '${storage}' is not meant for disk images`);
  if (status !== 'unseen') {
    if (cores > status.cpuinfo.cpus) return lacking('permanent', `${cores} cores of ${status.cpuinfo.cpus}`);
    const most = status.memory.total - settings.reserve_memory_mb * MIB;
    if (memoryMb * MIB > most) return lacking('permanent', `${memoryMb} MiB of ${Math.floor(most / MIB)}`);
    if (memoryMb * MIB > room) return lacking('capacity', `${memoryMb} MiB wanted, ${Math.floor(room / MIB)} left`);
  }
  const space = storageRoom(node, found, reservations, settings);
  if (diskBytes > space) {
    return lacking(
      'capacity',
      `${Math.ceil(diskBytes / GIB)} GiB wanted, ${Math.floor(space / GIB)} left on storage '${storage}'`,
    );
  }
  return { room };
}
