import type { Cancel, Clock } from '../../src/ports/clock.ts';
import type { Random } from '../../src/ports/random.ts';
import { type Admin, createAdmin } from './admin.ts';
import { answer, LOST, obey, refusal } from './answers.ts';
import { type CallName, type MachineView, type SandboxAnswer, SandboxRefusal, type SandboxRequest } from './api.ts';
import { createFaults, type Fault, type Faults } from './faults.ts';
import { fingerprintOf } from './host-key.ts';
import { createHypervisor, type Hypervisor } from './hypervisor.ts';
import type { SandboxMachine } from './machine.ts';
import { DEFAULT_OPTIONS, type HypervisorOptions } from './options.ts';
import { readConfig, readLabelFilter, readOrder, readScript } from './requests.ts';
import { type Route, readRoute } from './routes.ts';
import type { ScriptOrder, ScriptState } from './scripts.ts';
import { restoreState, type SandboxState, saveState } from './state.ts';

export interface SandboxCoreInput {
  readonly clock: Clock;
  readonly random: Random;
  readonly options?: Partial<HypervisorOptions>;
  /** Asked for every call for which no fault is armed; lets a seeded run make its own trouble. */
  readonly chaos?: (call: CallName, machine: string | undefined) => Fault | undefined;
}

/** The sandbox without sockets: deterministic, and all its time and chance come from outside. */
export interface SandboxCore {
  /** Processes one call at once. The answer says what the transport must do with it. */
  handle(request: SandboxRequest): SandboxAnswer;
  /** Every machine there is, by id: the truth, to look at and not to change. */
  readonly machines: ReadonlyMap<string, Readonly<SandboxMachine>>;
  readonly faults: Faults;
  /** How often each call arrived, also those that a fault swallowed. */
  readonly calls: Readonly<Record<CallName, number>>;
  /** What happens to the host behind the API's back. */
  readonly admin: Admin;
  /** Who would answer SSH on this port of the sandbox's address; undefined when nobody. */
  sshAt(port: number): SshAnswer | undefined;
  /** 0 while the machine does not run. */
  uptimeMs(id: string): number;
  snapshot(): SandboxState;
  restore(state: SandboxState): void;
  onChange(listener: (machine: Readonly<SandboxMachine>) => void): Cancel;
  /** Cancels all timers; the core must not be used after it. */
  close(): void;

  /** For the server that plays the guests. */
  leavePortsToServer(): void;
  setSshPort(id: string, port: number): void;
  setHostKey(id: string, privateKey: string): void;

  /** What happens inside a machine, by whoever is logged in there. */
  readonly inside: {
    script(id: string, order: ScriptOrder): ScriptState;
    dropKey(id: string, key: string): void;
    /** Null without one. */
    cloudInit(machine: Readonly<SandboxMachine>): MachineView['cloud_init'];
  };
}

export interface SshAnswer {
  readonly machine: Readonly<SandboxMachine>;
  /** False while it boots or is off: the port is forwarded, and nothing answers behind it. */
  readonly ready: boolean;
  /** As OpenSSH prints it. Stable for the machine's life; made up when no server plays the guest. */
  readonly hostKeyFingerprint: string;
}

export function createSandboxCore({ clock, random, options = {}, chaos }: SandboxCoreInput): SandboxCore {
  const settings: HypervisorOptions = { ...DEFAULT_OPTIONS, ...options };
  const hypervisor = createHypervisor(clock, random, settings);
  const faults = createFaults();
  const admin = createAdmin(hypervisor, clock, random);
  const calls = noCalls();
  let listBefore: readonly MachineView[] = [];

  function process(route: Route, request: SandboxRequest, fault: Fault | undefined): SandboxAnswer {
    try {
      return perform(route, request, fault);
    } catch (error) {
      if (error instanceof SandboxRefusal) return refusal(error.code, error.status, error.message);
      throw error;
    }
  }

  function perform(route: Route, request: SandboxRequest, fault: Fault | undefined): SandboxAnswer {
    switch (route.call) {
      case 'about':
        return answer(200, { sandbox: true, api: 1 });
      case 'create': {
        if (fault?.kind === 'no-capacity') throw new SandboxRefusal('no_capacity', 'the host is full');
        const machine = hypervisor.create(readOrder(request.body), {
          ...(fault?.kind === 'slow-create' ? { createMs: fault.ms } : {}),
          ...(fault?.kind === 'half-create' ? { failsHalfway: true } : {}),
        });
        return answer(201, hypervisor.view(machine));
      }
      case 'list':
        return list(route, fault);
      case 'inventory':
        return answer(200, inventory(hypervisor, settings));
      case 'traffic':
        return answer(200, { machines: inSight().map((machine) => trafficRow(machine)) });
      default:
    }
    const machine = find(route);
    if (route.call === 'script') return answer(200, hypervisor.script(machine, readScript(request.body)));
    if (route.call !== 'get' && fault?.kind !== 'ignore') {
      if (route.call === 'configure') hypervisor.configure(machine, readConfig(request.body));
      if (route.call === 'start') hypervisor.start(machine);
      if (route.call === 'stop') hypervisor.stop(machine);
      if (route.call === 'delete') hypervisor.delete(machine);
    }
    const view = seenThrough(fault, hypervisor.view(machine));
    return answer(route.call === 'get' || route.call === 'configure' ? 200 : 202, view);
  }

  function find(route: Route): SandboxMachine {
    const machine = hypervisor.machines.get(route.machine ?? '');
    if (!machine) throw new SandboxRefusal('no_such_machine', `there is no machine ${route.machine}`);
    if (!hypervisor.nodes.isUp(machine.node)) {
      throw new SandboxRefusal('unavailable', `the node of machine ${machine.id} does not answer`);
    }
    const uid = route.query.get('uid');
    if (uid !== null && uid !== machine.uid) {
      throw new SandboxRefusal('not_that_machine', `machine ${machine.id} is no longer the one with that uid`);
    }
    return machine;
  }

  function inSight(): SandboxMachine[] {
    const { nodes, machines } = hypervisor;
    return [...machines.values()].filter(({ node }) => nodes.isUp(node));
  }

  function list(route: Route, fault: Fault | undefined): SandboxAnswer {
    const stale = listBefore;
    listBefore = inSight().map((machine) => hypervisor.view(machine));
    const wanted = readLabelFilter(route.query);
    const shown = fault?.kind === 'list-stale' ? stale : fault?.kind === 'list-empty' ? [] : listBefore;
    const seen = shown.map((view) => seenThrough(fault, view));
    const matching = wanted.length === 0 ? seen : seen.filter((view) => wanted.every(([k, v]) => view.labels[k] === v));
    if (fault?.kind === 'list-partial') {
      return answer(200, { complete: false, machines: matching.slice(0, Math.floor(matching.length / 2)) });
    }
    const complete = hypervisor.nodes.allUp() || fault?.kind === 'list-empty';
    return answer(200, { complete, machines: matching });
  }

  function trafficRow(machine: SandboxMachine): object {
    const { bytesIn, bytesOut } = hypervisor.traffic(machine);
    return { id: machine.id, labels: machine.labels, bytes_in: bytesIn, bytes_out: bytesOut };
  }

  function known(id: string): SandboxMachine {
    const machine = hypervisor.machines.get(id);
    if (!machine) throw new Error(`the sandbox has no machine ${id}`);
    return machine;
  }

  return {
    handle(request) {
      const route = readRoute(request);
      if (!route) return refusal('no_such_path', 404, 'the sandbox has no such call');
      calls[route.call]++;
      if (!admin.reachable) return { ...LOST, delivery: 'refuse' };
      const fault = faults.take(route.call, route.machine) ?? chaos?.(route.call, route.machine);
      return obey(fault, () => process(route, request, fault));
    },
    machines: hypervisor.machines,
    faults,
    calls,
    admin,
    sshAt(port) {
      for (const machine of hypervisor.machines.values()) {
        if (machine.sshPort !== port) continue;
        return { machine, ready: hypervisor.sshReady(machine), hostKeyFingerprint: fingerprint(machine) };
      }
      return undefined;
    },
    uptimeMs: (id) => hypervisor.view(known(id)).uptime_ms ?? 0,
    snapshot: () => saveState(hypervisor, clock),
    restore: (state) => restoreState(hypervisor, clock, state),
    onChange: (listener) => hypervisor.onChange(listener),
    close: () => hypervisor.close(),
    leavePortsToServer: () => hypervisor.leavePortsToServer(),
    setSshPort: (id, port) => hypervisor.setSshPort(known(id), port),
    inside: {
      script: (id, order) => hypervisor.script(known(id), order),
      cloudInit: (machine) => hypervisor.cloudInitOf(machine),
      dropKey(id, key) {
        const machine = known(id);
        hypervisor.configure(machine, { authorizedKeys: machine.authorizedKeys.filter((one) => one !== key) });
      },
    },
    setHostKey(id, privateKey) {
      known(id).hostKey = privateKey;
    },
  };
}

/** Made up where nobody gave the machine a key, and where another one answers in its place. */
function fingerprint({ uid, hostKey, forged }: Readonly<SandboxMachine>): string {
  const made = `SHA256:${Buffer.from(uid.padEnd(32, '-').slice(0, 32)).toString('base64')}`.slice(0, 50);
  return forged || hostKey === undefined ? made : fingerprintOf(hostKey);
}

function seenThrough(fault: Fault | undefined, view: MachineView): MachineView {
  return fault?.kind === 'flap' ? { ...view, state: fault.state } : view;
}

function inventory(hypervisor: Hypervisor, settings: HypervisorOptions): object {
  const free = hypervisor.free();
  return {
    cpu_model: 'Sandbox (simulated)',
    cpu_cores: settings.cpuCores,
    cpu_threads: settings.cpuCores * 2,
    memory_total_mb: settings.memoryMb,
    memory_free_mb: free.memoryMb,
    disk_total_gb: settings.diskGb,
    disk_free_gb: free.diskGb,
    machines_free: free.machines,
  };
}

function noCalls(): Record<CallName, number> {
  return {
    about: 0,
    create: 0,
    list: 0,
    get: 0,
    configure: 0,
    start: 0,
    stop: 0,
    delete: 0,
    script: 0,
    inventory: 0,
    traffic: 0,
  };
}
