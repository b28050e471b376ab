import { type Cancel, sleep } from '../../src/ports/clock.ts';
import type { Pve } from './call.ts';
import { switchOff } from './qemu/boot.ts';
import { newGuest } from './qemu/guests.ts';
import { startTask } from './qemu/power-tasks.ts';
import type { Guest, Node } from './state.ts';
import type { Tasks } from './tasks.ts';

/** What happens to the hosts behind the API's back: power cuts, colleagues with other plans, full disks. */
export interface Admin {
  /** The cluster's file system becomes read-only: every write is refused. */
  loseQuorum(): Cancel;
  /** Leaves so many bytes free on a storage, for what is not in its list of volumes. */
  fillStorage(id: string, freeBytes?: number): Cancel;
  /** The node is dead: its machines are off, its workers gone, and what they did stays half-done. */
  nodeDown(name: string): Promise<void>;
  /** It boots; machines with `onboot` are started by root. */
  nodeUp(name: string): void;
  reboot(name: string, ms?: number): Promise<void>;
  /** Somebody (or HA) took the machine to another node, running or not. */
  moveGuest(vmid: number, to: string): void;
  /** The machine is destroyed, and a stranger's made under its id. */
  replaceGuest(vmid: number): Guest;
  /** Its guest agent does not come up any more. */
  silenceAgent(vmid: number): Cancel;
  /** A backup or a migration has it: `VM is locked (backup)`. */
  lockGuest(vmid: number, lock: string): Cancel;
}

const REBOOT_MS = 90_000;

export function createAdmin(pve: Pve, tasks: Tasks): Admin {
  const { cluster } = pve;

  function node(name: string): Node {
    const found = cluster.nodes.get(name);
    if (!found) throw new Error(`the simulated cluster has no node ${name}`);
    return found;
  }

  function guest(vmid: number): Guest {
    const found = cluster.guests.get(vmid);
    if (!found) throw new Error(`the simulated cluster has no machine ${vmid}`);
    return found;
  }

  async function nodeDown(name: string): Promise<void> {
    node(name).online = false;
    tasks.killAll(name);
    for (const one of cluster.guests.values()) if (one.node === name) await switchOff(pve, one);
  }

  function nodeUp(name: string): void {
    const booted = node(name);
    booted.online = true;
    booted.startedAt = pve.clock.now();
    for (const one of cluster.guests.values()) {
      if (one.node !== name || one.template || one.config.get('onboot') !== '1') continue;
      startTask(pve, name, one.vmid, { user: 'root@pam' });
    }
  }

  return {
    loseQuorum() {
      cluster.quorate = false;
      return () => {
        cluster.quorate = true;
      };
    },
    fillStorage(id, freeBytes = 0) {
      const storage = cluster.storages.get(id);
      if (!storage) throw new Error(`the simulated cluster has no storage ${id}`);
      const before = storage.usedBytes;
      const [any] = [...cluster.nodes.values()];
      const volumes = [...(any?.volumes.values() ?? [])].filter((volume) => volume.storage === id);
      const held = volumes.reduce((sum, volume) => sum + (volume.usedBytes ?? volume.sizeBytes), 0);
      storage.usedBytes = Math.max(0, storage.totalBytes - held - freeBytes);
      return () => {
        storage.usedBytes = before;
      };
    },
    nodeDown,
    nodeUp,
    async reboot(name, ms = REBOOT_MS) {
      await nodeDown(name);
      await sleep(pve.clock, ms);
      nodeUp(name);
    },
    moveGuest(vmid, to) {
      const moved = guest(vmid);
      const [from, target] = [node(moved.node), node(to)];
      for (const [volid, volume] of from.volumes) {
        if (volume.vmid !== vmid) continue;
        target.volumes.set(volid, volume);
        if (!cluster.storages.get(volume.storage)?.shared) from.volumes.delete(volid);
      }
      moved.node = to;
      // The tap device on the new node starts to count from nothing.
      moved.traffic = { in: 0, out: 0 };
    },
    replaceGuest(vmid) {
      const { node: place } = guest(vmid);
      cluster.guests.delete(vmid);
      for (const [volid, volume] of node(place).volumes) if (volume.vmid === vmid) node(place).volumes.delete(volid);
      const config = new Map([
        ['name', 'somebody-elses'],
        ['memory', '2048'],
        ['cores', '2'],
        ['description', 'made by hand'],
      ]);
      return newGuest(pve, { vmid, node: place, config });
    },
    silenceAgent(vmid) {
      const behaviour = guest(vmid).guest;
      behaviour.agent = false;
      return () => {
        behaviour.agent = true;
      };
    },
    lockGuest(vmid, lock) {
      const locked = guest(vmid);
      locked.lock = lock;
      return () => {
        delete locked.lock;
      };
    },
  };
}
