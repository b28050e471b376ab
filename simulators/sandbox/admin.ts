import type { Clock } from '../../src/ports/clock.ts';
import type { Random } from '../../src/ports/random.ts';
import type { Hypervisor } from './hypervisor.ts';
import type { SandboxMachine } from './machine.ts';

/** What happens to a host without anybody calling its API. Ids that do not exist throw. */
export interface Admin {
  /** False: nobody listens any more. Machines run on. */
  readonly reachable: boolean;
  setReachable(reachable: boolean): void;
  /** A machine of somebody else. Without labels it carries no stamp at all. */
  addForeign(given?: { id?: string; name?: string; labels?: Record<string, string>; running?: boolean }): string;
  /** The machine is gone, at once. */
  lose(id: string): void;
  /** The machine goes off by itself. */
  /** From now on another one answers in a machine's place. */
  forge(id: string): void;
  powerOff(id: string): void;
  /** The machine is gone and a stranger's now has its id. */
  giveIdToStranger(id: string, labels?: Record<string, string>): void;
  setLabels(id: string, labels: Record<string, string>): void;
  addTraffic(id: string, bytesIn: number, bytesOut: number): void;
  /**
   * The API no longer reaches this node: its machines are in no list, which says that it is incomplete, and calls about them
   * are `unavailable`. They run on.
   */
  loseNode(node: string): void;
  /** The node is back; with `rebooted` its machines are off, as after a power cut. */
  returnNode(node: string, how?: { rebooted?: boolean }): void;
  /** A machine like this one, labels and all, as a repeated request would make it. */
  duplicate(id: string): string;
}

const RUNS: ReadonlySet<string> = new Set(['starting', 'running', 'stopping']);

export function createAdmin(hypervisor: Hypervisor, clock: Clock, random: Random): Admin {
  let reachable = true;

  function known(id: string): SandboxMachine {
    const machine = hypervisor.machines.get(id);
    if (!machine) throw new Error(`the sandbox has no machine ${id}`);
    return machine;
  }

  function stranger(id: string, name: string, labels: Record<string, string>, running: boolean): SandboxMachine {
    return {
      id,
      uid: random.uuid(),
      name,
      labels,
      cpuCores: 1,
      memoryMb: 512,
      diskGb: 10,
      createdAt: clock.now(),
      state: running ? 'running' : 'stopped',
      hostname: name,
      authorizedKeys: [],
      extraBytesIn: 0,
      extraBytesOut: 0,
      ...(running ? { startedAt: clock.monotonic(), sshReadyAt: clock.monotonic() } : {}),
    };
  }

  return {
    get reachable() {
      return reachable;
    },
    setReachable(value) {
      reachable = value;
    },
    addForeign({ id, name = 'somebody-elses', labels = {}, running = true } = {}) {
      let free = 9001;
      while (hypervisor.machines.has(String(free))) free++;
      const machine = stranger(id ?? String(free), name, labels, running);
      hypervisor.place(machine);
      return machine.id;
    },
    lose: (id) => hypervisor.vanish(known(id)),
    forge(id) {
      known(id).forged = true;
    },
    powerOff: (id) => hypervisor.powerOff(known(id)),
    giveIdToStranger(id, labels = {}) {
      known(id);
      hypervisor.place(stranger(id, 'somebody-elses', labels, true));
    },
    setLabels(id, labels) {
      known(id).labels = { ...labels };
    },
    addTraffic(id, bytesIn, bytesOut) {
      const machine = known(id);
      machine.extraBytesIn += bytesIn;
      machine.extraBytesOut += bytesOut;
    },
    loseNode: (node) => hypervisor.nodes.set(node, 'lost'),
    returnNode(node, { rebooted = false } = {}) {
      hypervisor.nodes.set(node, 'up');
      if (!rebooted) return;
      for (const machine of hypervisor.machines.values()) {
        if (machine.node === node && RUNS.has(machine.state)) hypervisor.powerOff(machine);
      }
    },
    duplicate(id) {
      const { name, labels, cpuCores, memoryMb, diskGb } = known(id);
      return hypervisor.create({ name, labels, cpuCores, memoryMb, diskGb }, { createMs: 0 }).id;
    },
  };
}
