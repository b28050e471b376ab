import { inProcessProxmox } from '../../simulators/proxmox/in-process.ts';
import { type Playground, type PlaygroundOptions, playground } from '../../simulators/proxmox/playground.ts';
import { newGuest } from '../../simulators/proxmox/qemu/guests.ts';
import { sampleOrder } from '../../src/provisioner/conformance.ts';
import {
  type AgentId,
  type Clock,
  type ContractId,
  type ExternalId,
  type MachineOrder,
  type OperationId,
  type OwnerStamp,
  Secret,
  silentLog,
  systemClock,
  systemRandom,
} from '../../src/provisioner/index.ts';
import { createBackend } from './backend-open.ts';
import { openProxmox } from './provisioner.ts';
import { type ProxmoxSettings, proxmoxSettings } from './schema.ts';
import { type MachineStamp, readStamp } from './stamp.ts';
import type { PveRequest, PveResponse, PveTransport } from './transport.ts';

/** What tests of pure parts start from. */
export function sampleStamp(vmid = 100_123): MachineStamp {
  return {
    agent: 'a'.repeat(64) as AgentId,
    contract: 'c'.repeat(64) as ContractId,
    operation: '0'.repeat(32) as OperationId,
    vmid,
    name: 'dc-cccccccccccccccc',
    stage: 'cloned',
  };
}

export function sampleSettings(more: Record<string, unknown> = {}): ProxmoxSettings {
  return proxmoxSettings.parse({
    api_url: 'https://127.0.0.1:8006',
    api_token_id: 'dc@pve!agent',
    api_token_secret: 'not-a-secret',
    node: 'pve',
    template_vmid: 9000,
    storage: 'local',
    ...more,
  });
}

export const KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f';

export function plainOrder(more: Partial<MachineOrder> = {}): MachineOrder {
  const { agent, contract, operation, name } = sampleStamp();
  return { stamp: { agent, contract, operation }, name, offering: '1', sshKey: KEY, settings: {}, ...more };
}

export const PASSWORD = new Secret('correct horse');

export const AGENT = 'a'.repeat(64) as AgentId;

/** Time that passes faster: waits stay waits, and tests stay quick. */
export function fastClock(times: number): Clock {
  const start = systemClock.monotonic();
  const wall = systemClock.now();
  const passed = (): number => (systemClock.monotonic() - start) * times;
  return {
    now: () => wall + passed(),
    monotonic: passed,
    after: (ms, fn) => systemClock.after(ms / times, fn),
  };
}

/** What happens between one opened plugin and the host. */
export interface Wire {
  /** Changes answers: return another one, or undefined for the true one. */
  rewrite?: ((request: PveRequest, answer: PveResponse) => PveResponse | undefined) | undefined;
  /**
   * What becomes of the n-th request, from 0 on. `refused` = no connection; `swallowed` = no answer ever; `lost-before` and
   * `lost-after` = the connection breaks before or after it was processed; `dead` and `dead-after` = the
   * plugin's process dies before or after that.
   */
  fate?: ((n: number, request: PveRequest) => Fate | undefined) | undefined;
}

type Fate = 'refused' | 'swallowed' | 'lost-before' | 'lost-after' | 'dead' | 'dead-after';

export type Stage = ReturnType<typeof openStage>;

interface StageOptions extends Partial<Omit<PlaygroundOptions, 'clock' | 'random'>> {
  readonly settings?: Record<string, unknown>;
  readonly clock?: Clock;
}

/** A simulated cluster in this process, and the plugin opened on it. */
export function openStage({ settings, clock = fastClock(20), ...options }: StageOptions = {}) {
  const ground = playground({ clock, random: systemRandom, timings: QUICK, ...options });
  const wire: Wire = {};
  const { core } = ground;
  const send = inProcessProxmox(core, { clock, latencyMs: 1 });
  /** The plugin as a new process opens it: it knows nothing but what the cluster shows. */
  const open = (own: Wire = {}, more: Record<string, unknown> = {}) =>
    openProxmox(settingsOf(ground, { ...settings, ...more }), pluginDeps(clock), troubled(send, own));
  const provisioner = open(wire);
  const backend = () => createBackend(settingsOf(ground, settings), pluginDeps(clock), troubled(send, wire));
  return {
    ...ground,
    wire,
    clock,
    provisioner,
    open,
    backend,
    order: (overrides?: Partial<MachineOrder>) => sampleOrder(AGENT, { storageGb: 4, ...overrides }),
    ...truthOf(ground),
    async close() {
      await provisioner.close();
      await core.close();
    },
  };
}

/** Waits as real hosts have them, in proportion. */
export const QUICK = {
  linkedCloneMs: 300,
  fullCloneMsPerGb: 300,
  configMs: 10,
  resizeMs: 50,
  startMs: 200,
  agentMs: 600,
  addressMs: 900,
  stopMs: 100,
  shutdownMs: 400,
  destroyMs: 100,
  statdMs: 2_000,
};

function pluginDeps(clock: Clock) {
  return { agent: AGENT, target: 'proxmox', clock, random: systemRandom, log: silentLog };
}

/** How a playground is configured as a target. */
export function settingsOf(
  { token, pool, storage, template }: Playground,
  more: Record<string, unknown> = {},
): ProxmoxSettings {
  return sampleSettings({
    api_token_id: token.id,
    api_token_secret: token.secret,
    template_vmid: template,
    storage,
    pool,
    ...more,
  });
}

/** What the cluster really holds, whatever the API shows. */
export function truthOf({ core, pool, nodes, token }: Playground) {
  const { guests } = core.cluster;
  return {
    /** Gives the agent's user and token more rights. */
    grant(path: string, ...privileges: string[]) {
      const [user = ''] = token.id.split('!');
      const role = `Role${core.cluster.roles.size}`;
      core.cluster.roles.set(role, new Set(privileges));
      core.cluster.acl.push({ path, kind: 'user', who: user, role, propagate: true });
      core.cluster.acl.push({ path, kind: 'token', who: token.id, role, propagate: true });
    },
    /** Disks of machines that do not exist. */
    leftovers: () =>
      [...core.cluster.nodes.values()].flatMap(({ volumes }) =>
        [...volumes.values()].filter(({ vmid }) => vmid !== undefined && !guests.has(vmid)).map(({ volid }) => volid),
      ),
    machinesOf: ({ contract }: Pick<OwnerStamp, 'contract'>) =>
      [...guests.values()].filter(({ config }) => readStamp(config.get('description'))?.contract === contract),
    addStranger(name = 'somebody', description = 'made by hand'): ExternalId {
      let vmid = 100_000;
      while (guests.has(vmid)) vmid++;
      const config = new Map(Object.entries({ name, description, memory: '512', cores: '1' }));
      const guest = newGuest(core.pve, { vmid, node: nodes[0] ?? '', config });
      guest.pool = pool;
      return String(vmid) as ExternalId;
    },
    /** A second machine with the same stamp, as a request makes it that arrives late. */
    addTwin(id: ExternalId): ExternalId {
      const first = guests.get(Number(id));
      if (first === undefined) throw new Error(`there is no machine ${id}`);
      let vmid = 200_000;
      while (guests.has(vmid)) vmid++;
      const config = new Map(first.config);
      config.set('description', (config.get('description') ?? '').replace(`vmid=${id}`, `vmid=${vmid}`));
      config.set('net0', 'virtio=BC:24:11:FF:FF:FF,bridge=vmbr0');
      for (const [key, value] of config) config.set(key, value.replaceAll(`vm-${id}-`, `vm-${vmid}-`));
      newGuest(core.pve, { vmid, node: first.node, config }).pool = pool;
      return String(vmid) as ExternalId;
    },
  };
}

function troubled(send: PveTransport['send'], wire: Wire): PveTransport {
  let count = 0;
  return {
    async send(request) {
      const fate = wire.fate?.(count++, request);
      if (fate === 'dead') return never();
      if (fate === 'refused') throw broken('ECONNREFUSED');
      if (fate === 'swallowed') return never(request.signal);
      if (fate === 'lost-before') throw broken('ECONNRESET');
      const answer = await send(request);
      if (fate === 'dead-after') return never();
      if (fate === 'lost-after') throw broken('ECONNRESET');
      return wire.rewrite?.(request, answer) ?? answer;
    },
    close: async () => {},
  };
}

function broken(code: string): Error {
  return Object.assign(new Error(code), { code });
}

function never(until?: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    const end = (): void => reject(until?.reason);
    if (until?.aborted) end();
    else until?.addEventListener('abort', end, { once: true });
  });
}
