import { openProxmox } from '../../provisioners/proxmox/provisioner.ts';
import { proxmoxSettings } from '../../provisioners/proxmox/schema.ts';
import { readStamp } from '../../provisioners/proxmox/stamp.ts';
import type { Personality } from '../../simulators/proxmox/call.ts';
import type { CallFault, CallFaultRule, TaskFaultRule } from '../../simulators/proxmox/faults.ts';
import { HOST_KEY } from '../../simulators/proxmox/guests/cloud-init.ts';
import { passwordMatches } from '../../simulators/proxmox/guests/crypt.ts';
import { authorizedKeys, guestDisk } from '../../simulators/proxmox/guests/disk.ts';
import { memoryGuests } from '../../simulators/proxmox/guests/memory.ts';
import { inProcessProxmox } from '../../simulators/proxmox/in-process.ts';
import { type Playground, playground } from '../../simulators/proxmox/playground.ts';
import type { Guest, GuestDriver } from '../../simulators/proxmox/state.ts';
import type { Clock } from '../../src/ports/clock.ts';
import type { Backend, BackendOptions, Client, SeenMachine } from './backend.ts';
import type { SeededRandom } from './seeded-random.ts';
import { type BackendCall, type BackendTrouble, backendTrouble } from './story.ts';

const USER = 'tenant';
/** What one machine of the stories takes of a node's memory, in GiB, with what the agent leaves free beside it. */
const GB_PER_MACHINE = 4;

/** A simulated Proxmox VE cluster as the stories' backend. */
export function proxmoxBackend(personality: Personality) {
  return (clock: Clock, random: SeededRandom, options: BackendOptions): Backend =>
    new ProxmoxStage(clock, random, options, personality);
}

class ProxmoxStage implements Backend {
  readonly type = 'proxmox';
  readonly #clock: Clock;
  readonly #ground: Playground;
  readonly #options: BackendOptions;
  readonly #listeners = new Set<(machine: SeenMachine) => void>();
  #reachable = true;
  /** Until then nobody is told of machines that go off: the story itself does that. */
  #quiet = false;
  #strangers = 0;

  constructor(clock: Clock, random: SeededRandom, options: BackendOptions, personality: Personality) {
    this.#clock = clock;
    this.#options = options;
    this.#ground = playground({
      clock,
      random,
      personality,
      driver: this.#driver(),
      nodes: [{ name: 'pve', cores: 256, memoryGb: options.maxMachines * GB_PER_MACHINE }],
      diskGb: 20_000,
      timings: {
        linkedCloneMs: options.createMs,
        startMs: Math.min(1_000, options.bootMs),
        agentMs: options.bootMs,
        addressMs: options.bootMs + 200,
        statdMs: 10_000,
      },
    });
    const role = this.#ground.core.cluster.roles.get(this.#ground.role);
    if (personality === '9.1')
      for (const right of ['FileRead', 'FileWrite', 'Unrestricted']) role?.add(`VM.GuestAgent.${right}`);
  }

  open(client: Client): ReturnType<typeof openProxmox> {
    const { token, template, pool, storage } = this.#ground;
    const settings = proxmoxSettings.parse({
      api_url: 'https://simulated:8006',
      api_token_id: token.id,
      api_token_secret: token.secret,
      node: 'pve',
      template_vmid: template,
      storage,
      pool,
      ci_user: USER,
      // Few ids where ids come back soon.
      ...(this.#options.reuseIds ? { vmid_start: 100_000, vmid_end: 100_000 + this.#options.maxMachines + 60 } : {}),
    });
    return openProxmox(settings, client.deps, { send: client.gate(this.#transport(client)), close: async () => {} });
  }

  machines(): readonly SeenMachine[] {
    return [...this.#guests.values()].filter((guest) => !guest.template).map((guest) => seen(guest));
  }

  answersAt(host: string): ReturnType<Backend['answersAt']> {
    const guest = [...this.#guests.values()].find((one) => one.guest.addresses.ipv4 === host);
    if (guest === undefined) return undefined;
    const disk = guestDisk(guest);
    const up = guest.startedAt !== undefined && this.#clock.now() >= guest.startedAt + this.#options.bootMs;
    const hostKey = disk.files.get(HOST_KEY) ?? `SHA256:${disk.instance ?? 'none'}`;
    return { ready: up && guest.status === 'running', hostKey, keys: authorizedKeys(disk, USER) };
  }

  onChange(listener: (machine: SeenMachine) => void): void {
    this.#listeners.add(listener);
  }

  addTrouble(call: BackendCall, trouble: BackendTrouble, skip: number, times: number): void {
    const rule = ruleFor(call, trouble);
    if (rule !== undefined) this.#ground.core.faults.add({ ...rule, skip, times });
  }

  clearTroubles(): void {
    this.#ground.core.faults.clear();
  }

  setReachable(reachable: boolean): void {
    this.#reachable = reachable;
  }

  nodeDown(): void {
    this.#intervene(() => void this.#ground.core.admin.nodeDown('pve'));
  }

  nodeUp(): void {
    this.#ground.core.admin.nodeUp('pve');
  }

  powerOff(id: string): void {
    const guest = this.#guest(id);
    guest.status = 'stopped';
    delete guest.pid;
    delete guest.startedAt;
    delete guest.boot;
  }

  lose(id: string): void {
    this.#guests.delete(this.#guest(id).vmid);
  }

  giveIdToStranger(id: string): void {
    const stranger = this.#ground.core.admin.replaceGuest(Number(id));
    stranger.status = 'running';
    stranger.startedAt = this.#clock.now();
    // Some strangers can be seen, others not.
    if (stranger.vmid % 2 === 1) stranger.pool = this.#ground.pool;
  }

  addStranger(): string {
    const vmid = 5_000 + this.#strangers++;
    const { pve } = this.#ground.core;
    const template = this.#guest(String(this.#ground.template));
    const guest: Guest = {
      ...template,
      vmid,
      config: new Map([...template.config, ['name', 'dc-01'], ['description', 'somebody else made this']]),
      template: false,
      status: 'running',
      startedAt: pve.clock.now(),
      traffic: { in: 0, out: 0 },
      guest: { ...template.guest, addresses: {} },
    };
    this.#guests.set(vmid, guest);
    return String(vmid);
  }

  #intervene(act: () => void): void {
    this.#quiet = true;
    act();
    this.#clock.after(1, () => {
      this.#quiet = false;
    });
  }

  get #guests(): Map<number, Guest> {
    return this.#ground.core.cluster.guests;
  }

  #guest(id: string): Guest {
    const guest = this.#guests.get(Number(id));
    if (guest === undefined) throw new Error(`the simulated cluster has no machine ${id}`);
    return guest;
  }

  /** Machines live in memory; their ends are told. */
  #driver(): GuestDriver {
    const tell = (guest: Guest, state: SeenMachine['state']): void => {
      if (this.#quiet) return;
      for (const listener of this.#listeners) listener({ ...seen(guest), state });
    };
    return {
      ...memoryGuests,
      async started(guest, documents) {
        await memoryGuests.started(guest, documents);
        tell(guest, 'running');
      },
      async stopped(guest) {
        await memoryGuests.stopped(guest);
        // A machine that is being destroyed was stopped before.
        tell(guest, 'stopping');
      },
      async destroyed(guest) {
        await memoryGuests.destroyed(guest);
        tell(guest, 'deleting');
      },
    };
  }

  #transport(client: Client): ReturnType<typeof inProcessProxmox> {
    const { core } = this.#ground;
    const send = inProcessProxmox(core, { clock: this.#clock, latencyMs: client.latencyMs });
    return (request) => {
      if (!this.#reachable) {
        client.onFault('backend:refuse');
        return Promise.reject(Object.assign(new Error('ECONNREFUSED'), { code: 'ECONNREFUSED' }));
      }
      const path = request.path.split('?')[0]?.replace(/^\/api2\/json/, '') ?? '';
      const call = callOf(request.method, path);
      if (call === 'create') client.onCreate(contractOf(request.body));
      const trouble = this.#options.storm((random) => backendTrouble(random, call ?? 'other'));
      const rule = trouble === undefined ? undefined : ruleFor(call ?? 'inventory', trouble);
      if (rule !== undefined) {
        client.onFault(`backend:${'task' in rule ? rule.fault.kind : rule.fault.kind}`);
        core.faults.add('task' in rule ? rule : { ...rule, path });
      }
      return send(request);
    };
  }
}

function seen(guest: Guest): SeenMachine {
  const stamp = readStamp(guest.config.get('description'));
  const ours = stamp?.vmid === guest.vmid ? stamp : undefined;
  const disk = guestDisk(guest);
  const hash = disk.passwords.get(USER);
  const { ipv4 } = guest.guest.addresses;
  return {
    id: String(guest.vmid),
    contract: ours?.contract,
    agent: ours?.agent,
    state: guest.lock === 'clone' ? 'creating' : guest.lock === 'destroyed' ? 'deleting' : guest.status,
    door: ipv4 === undefined ? undefined : `${ipv4}:22`,
    keys: authorizedKeys(disk, USER),
    hasPassword: (password) =>
      password === undefined ? hash === undefined : hash !== undefined && passwordMatches(password, hash),
  };
}

/** Which of the stories' calls this is. */
function callOf(method: string, path: string): BackendCall | undefined {
  if (method === 'POST' && path.endsWith('/clone')) return 'create';
  if (path === '/cluster/resources') return 'list';
  if (method === 'GET' && /\/(config|status\/current)$/.test(path)) return 'get';
  if (method === 'PUT' && /\/(config|resize)$/.test(path)) return 'configure';
  if (path.endsWith('/status/start')) return 'start';
  if (/\/status\/(stop|shutdown)$/.test(path)) return 'stop';
  if (method === 'DELETE' && /\/qemu\/\d+$/.test(path)) return 'delete';
  return method === 'GET' && /^\/nodes\/[^/]+\/(status|storage)/.test(path) ? 'inventory' : undefined;
}

const PATHS: Readonly<Record<BackendCall, Pick<CallFaultRule, 'method' | 'path'>>> = {
  create: { method: 'POST', path: '/nodes/*/qemu/*/clone' },
  list: { method: 'GET', path: '/cluster/resources' },
  get: { method: 'GET', path: /\/(config|status\/current)$/ },
  configure: { method: 'PUT', path: /\/(config|resize)$/ },
  start: { method: 'POST', path: '/nodes/*/qemu/*/status/start' },
  stop: { method: 'POST', path: /\/status\/(stop|shutdown)$/ },
  delete: { method: 'DELETE', path: '/nodes/*/qemu/*' },
  inventory: { method: 'GET', path: '/nodes/*/status' },
};

const TASKS: Readonly<Partial<Record<BackendCall, string>>> = { create: 'qmclone', start: 'qmstart', stop: 'qmstop' };

/** A story's trouble in the words of this backend; undefined where it knows nothing like it. */
function ruleFor(call: BackendCall, trouble: BackendTrouble): CallFaultRule | TaskFaultRule | undefined {
  const task = TASKS[call] ?? 'qmclone';
  switch (trouble.kind) {
    case 'no-capacity':
      return { task, fault: { kind: 'task-error', text: 'no space left on device' } };
    case 'half-create':
      return { task, fault: { kind: 'dead-worker' } };
    case 'slow-create':
      return { task, fault: { kind: 'slow-task', ms: trouble.ms } };
    case 'ignore':
      return { task, fault: { kind: 'dead-at-end' } };
    case 'status':
      return { ...PATHS[call], fault: refusal(trouble.status, trouble.processed) };
    case 'list-partial':
    case 'list-empty':
    case 'list-stale':
      return { ...PATHS[call], fault: { kind: 'html', status: 502 } };
    case 'flap':
      return undefined;
    default:
      return { ...PATHS[call], fault: trouble };
  }
}

function refusal(status: 500 | 503 | 429, processed: true | undefined): CallFault {
  const [code, reason] =
    status === 500
      ? [500, `can't lock file '/var/lock/qemu-server/lock-100.conf' - got timeout`]
      : status === 503
        ? [596, 'Broken pipe']
        : [595, 'No route to host'];
  return { kind: 'status', status: Number(code), reason: String(reason), ...(processed ? { processed } : {}) };
}

/** The stamp that the clone is asked to carry. */
function contractOf(body: string | Uint8Array | undefined): string {
  const { description } = JSON.parse(String(body ?? '{}'));
  return readStamp(description)?.contract ?? '';
}
