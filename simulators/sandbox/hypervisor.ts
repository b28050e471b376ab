import type { Cancel, Clock } from '../../src/ports/clock.ts';
import type { Random } from '../../src/ports/random.ts';
import { type MachineState, type MachineView, SandboxRefusal } from './api.ts';
import { firstBoot } from './cloud-init.ts';
import type { CreateOrder, GuestConfig, SandboxMachine } from './machine.ts';
import { createNodes, type Nodes } from './nodes.ts';
import type { HypervisorOptions } from './options.ts';
import { beginScript, cutOff, type ScriptOrder, type ScriptRun, type ScriptState, scriptState } from './scripts.ts';

/** The make-believe host itself: machines and what time does to them. No I/O; time and randomness are handed in. */
export interface Hypervisor {
  readonly machines: ReadonlyMap<string, SandboxMachine>;
  readonly nodes: Nodes;
  create(order: CreateOrder, how?: { createMs?: number; failsHalfway?: true }): SandboxMachine;
  configure(machine: SandboxMachine, config: GuestConfig): void;
  /** Begins a script in a machine, or tells of the one that has this id. */
  script(machine: SandboxMachine, order: ScriptOrder): ScriptState;
  start(machine: SandboxMachine): void;
  stop(machine: SandboxMachine): void;
  delete(machine: SandboxMachine): void;
  /** True when the guest would let a login in: it runs and has booted. */
  sshReady(machine: SandboxMachine): boolean;
  view(machine: SandboxMachine): MachineView;
  cloudInitOf(machine: Readonly<SandboxMachine>): MachineView['cloud_init'];
  traffic(machine: SandboxMachine): { bytesIn: number; bytesOut: number };
  free(): { memoryMb: number; diskGb: number; machines: number };

  /** Ends a machine at once, with no regard for its state. */
  vanish(machine: SandboxMachine): void;
  /** Switches a machine off at once, with no regard for its state. */
  powerOff(machine: SandboxMachine): void;
  /** Puts a machine in place as it is, whatever capacity or naming rules say. */
  place(machine: SandboxMachine): void;
  /** From now on a server names the SSH ports, through `setSshPort`. */
  leavePortsToServer(): void;
  setSshPort(machine: SandboxMachine, port: number): void;
  /** Told after every change of a machine, also its end (`state` is then `deleting` and it is no longer in `machines`). */
  onChange(listener: (machine: SandboxMachine) => void): Cancel;
  /** Cancels all timers. */
  close(): void;
}

export function createHypervisor(clock: Clock, random: Random, options: HypervisorOptions): Hypervisor {
  const machines = new Map<string, SandboxMachine>();
  const nodes = createNodes(options.nodes);
  const timers = new Map<string, Cancel>();
  const listeners = new Set<(machine: SandboxMachine) => void>();
  let lastId = 100;
  let portsByServer = options.firstSshPort === 'server';
  let nextPort = options.firstSshPort === 'server' ? 0 : options.firstSshPort;
  // Kept as sums, because capacity is asked at every create and a simulation has thousands.
  let memorySold = 0;
  let diskSold = 0;

  function changed(machine: SandboxMachine): void {
    for (const listener of listeners) listener(machine);
  }

  function enter(machine: SandboxMachine, state: MachineState, ms: number): void {
    timers.get(machine.uid)?.();
    timers.delete(machine.uid);
    machine.state = state;
    if (ms > 0) {
      machine.stateEndsAt = clock.monotonic() + ms;
      timers.set(
        machine.uid,
        clock.after(ms, () => finish(machine)),
      );
      changed(machine);
    } else {
      finish(machine);
    }
  }

  function finish(machine: SandboxMachine): void {
    timers.delete(machine.uid);
    delete machine.stateEndsAt;
    switch (machine.state) {
      case 'creating':
        machine.state = machine.failure === undefined ? 'stopped' : 'failed';
        break;
      case 'starting':
        machine.state = 'running';
        machine.startedAt = clock.monotonic();
        break;
      case 'stopping':
        switchOff(machine);
        break;
      case 'deleting':
        remove(machine);
        break;
      default:
    }
    changed(machine);
  }

  function switchOff(machine: SandboxMachine): void {
    machine.state = 'stopped';
    delete machine.startedAt;
    delete machine.sshReadyAt;
    const now = clock.monotonic();
    if (machine.scripts !== undefined) machine.scripts = machine.scripts.map((run) => cutOff(run, now));
    machine.extraBytesIn = 0;
    machine.extraBytesOut = 0;
  }

  function remove(machine: SandboxMachine): void {
    if (machines.get(machine.id) !== machine) return;
    machines.delete(machine.id);
    memorySold -= machine.memoryMb;
    diskSold -= machine.diskGb;
  }

  /** What a script leaves behind, where its machine is still the one and still runs. */
  function aftermath(machine: SandboxMachine, run: ScriptRun): void {
    const here = machines.get(machine.id) === machine && machine.state === 'running';
    if (!here || machine.startedAt === undefined || machine.startedAt > run.beganAt) return;
    if (run.aftermath === 'kills-sshd') machine.sshdDead = true;
    if (run.aftermath === 'reboots') {
      machine.startedAt = clock.monotonic();
      machine.sshReadyAt = clock.monotonic() + options.bootMs;
    }
    changed(machine);
  }

  function cloudInitOf({ name, sshReadyAt }: Readonly<SandboxMachine>): MachineView['cloud_init'] {
    const work = options.cloudInit?.(name);
    if (work === undefined || sshReadyAt === undefined) return null;
    return clock.monotonic() < sshReadyAt + work.ms ? 'running' : work.ends;
  }

  function freshId(): string {
    if (!options.reuseIds) return String(++lastId);
    let id = 101;
    while (machines.has(String(id))) id++;
    return String(id);
  }

  function place(machine: SandboxMachine): void {
    const before = machines.get(machine.id);
    if (before) vanish(before);
    machine.node ??= nodes.choose(machines.values());
    machines.set(machine.id, machine);
    memorySold += machine.memoryMb;
    diskSold += machine.diskGb;
    const number = Number(machine.id);
    if (Number.isSafeInteger(number)) lastId = Math.max(lastId, number);
    if (machine.sshPort === undefined && !portsByServer) machine.sshPort = nextPort++;
    else if (machine.sshPort !== undefined) nextPort = Math.max(nextPort, machine.sshPort + 1);
    if (machine.stateEndsAt === undefined) changed(machine);
    else enter(machine, machine.state, Math.max(0, machine.stateEndsAt - clock.monotonic()));
  }

  function vanish(machine: SandboxMachine): void {
    timers.get(machine.uid)?.();
    timers.delete(machine.uid);
    machine.state = 'deleting';
    remove(machine);
    changed(machine);
  }

  function traffic(machine: SandboxMachine): { bytesIn: number; bytesOut: number } {
    const seconds = machine.startedAt === undefined ? 0 : (clock.monotonic() - machine.startedAt) / 1000;
    return {
      bytesIn: Math.floor(seconds * options.bytesInPerSecond) + machine.extraBytesIn,
      bytesOut: Math.floor(seconds * options.bytesOutPerSecond) + machine.extraBytesOut,
    };
  }

  function free(): { memoryMb: number; diskGb: number; machines: number } {
    return {
      memoryMb: Math.max(0, options.memoryMb - memorySold),
      diskGb: Math.max(0, options.diskGb - diskSold),
      machines: Math.max(0, options.maxMachines - machines.size),
    };
  }

  return {
    machines,
    nodes,
    create(order, how = {}) {
      if (options.uniqueNames && [...machines.values()].some((machine) => machine.name === order.name)) {
        throw new SandboxRefusal('name_taken', `a machine named ${order.name} exists`);
      }
      const room = free();
      if (!nodes.anyUp()) throw new SandboxRefusal('unavailable', 'no node is there to make it on');
      if (room.machines < 1 || room.memoryMb < order.memoryMb || room.diskGb < order.diskGb) {
        throw new SandboxRefusal('no_capacity', 'the host is full');
      }
      const createMs = how.createMs ?? options.createMs;
      const machine: SandboxMachine = {
        id: freshId(),
        uid: random.uuid(),
        ...order,
        createdAt: clock.now(),
        state: 'creating',
        hostname: order.name,
        authorizedKeys: [],
        extraBytesIn: 0,
        extraBytesOut: 0,
        ...(how.failsHalfway === undefined ? {} : { failure: 'the disk could not be written' }),
      };
      if (createMs > 0) machine.stateEndsAt = clock.monotonic() + createMs;
      else machine.state = machine.failure === undefined ? 'stopped' : 'failed';
      place(machine);
      return machine;
    },
    configure(machine, config) {
      if (machine.state === 'deleting') throw new SandboxRefusal('busy', 'the machine is being deleted');
      if (config.hostname !== undefined) machine.hostname = config.hostname;
      if (config.authorizedKeys !== undefined) machine.authorizedKeys = [...config.authorizedKeys];
      if (config.rootPassword !== undefined) machine.rootPassword = config.rootPassword;
      if (config.hostKey !== undefined) machine.hostKey = config.hostKey;
      // Read at the first boot, and never again: a request that comes late changes nothing inside.
      if (config.userData !== undefined && machine.booted !== true) Object.assign(machine, firstBoot(config.userData));
      changed(machine);
    },
    script(machine, order) {
      const now = clock.monotonic();
      const known = machine.scripts?.find((run) => run.id === order.id);
      if (known !== undefined) return scriptState(known, machine.startedAt, now);
      if (machine.state !== 'running') throw new SandboxRefusal('busy', `the machine is ${machine.state}`);
      const run = beginScript(order, now);
      machine.scripts = [...(machine.scripts ?? []), run];
      if (run.aftermath !== undefined) clock.after(run.endsAt - now, () => aftermath(machine, run));
      changed(machine);
      return scriptState(run, machine.startedAt, now);
    },
    start(machine) {
      if (machine.state === 'running' || machine.state === 'starting') return;
      if (machine.state !== 'stopped') throw new SandboxRefusal('busy', `the machine is ${machine.state}`);
      machine.sshReadyAt = clock.monotonic() + options.bootMs;
      machine.booted = true;
      enter(machine, 'starting', options.startMs);
    },
    stop(machine) {
      if (machine.state === 'stopped' || machine.state === 'stopping') return;
      if (machine.state !== 'running' && machine.state !== 'starting') {
        throw new SandboxRefusal('busy', `the machine is ${machine.state}`);
      }
      enter(machine, 'stopping', options.stopMs);
    },
    delete(machine) {
      if (machine.state === 'deleting') return;
      if (machine.state === 'creating') throw new SandboxRefusal('busy', 'the machine is still being made');
      enter(machine, 'deleting', options.deleteMs);
    },
    sshReady: (machine) =>
      machine.state === 'running' &&
      machine.sshdDead !== true &&
      machine.sshReadyAt !== undefined &&
      clock.monotonic() >= machine.sshReadyAt,
    cloudInitOf,
    view: (machine) => ({
      id: machine.id,
      uid: machine.uid,
      name: machine.name,
      node: machine.node ?? null,
      labels: machine.labels,
      state: machine.state,
      failure: machine.state === 'failed' ? (machine.failure ?? 'unknown') : null,
      cpu_cores: machine.cpuCores,
      memory_mb: machine.memoryMb,
      disk_gb: machine.diskGb,
      authorized_keys: machine.authorizedKeys,
      ssh: machine.sshPort === undefined ? null : { host: options.sshHost, port: machine.sshPort },
      created_at: machine.createdAt,
      cloud_init: cloudInitOf(machine),
      uptime_ms: machine.startedAt === undefined ? null : Math.floor(clock.monotonic() - machine.startedAt),
    }),
    traffic,
    free,
    vanish,
    powerOff(machine) {
      timers.get(machine.uid)?.();
      timers.delete(machine.uid);
      delete machine.stateEndsAt;
      switchOff(machine);
      changed(machine);
    },
    place,
    leavePortsToServer() {
      portsByServer = true;
    },
    setSshPort(machine, port) {
      machine.sshPort = port;
      changed(machine);
    },
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    close() {
      for (const cancel of timers.values()) cancel();
      timers.clear();
      listeners.clear();
    },
  };
}
