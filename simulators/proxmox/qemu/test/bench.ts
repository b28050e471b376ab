import { setImmediate as turn } from 'node:timers/promises';
import { type MovableClock, manualClock } from '../../../platform/manual-clock.ts';
import { createCluster, createUser } from '../../build.ts';
import type { Method, Personality, Timings } from '../../call.ts';
import { createProxmox, type ProxmoxCore } from '../../core.ts';
import type { Cluster, Guest, GuestDriver } from '../../state.ts';
import { addVolume } from '../../storage/usage.ts';
import { countingRandom } from '../../test/random.ts';
import { newGuest } from '../guests.ts';

/** An answer, with the text of a refusal where it is easy to read. */
export interface Answer {
  readonly status: number;
  readonly text: string;
  readonly errors: Readonly<Record<string, string>> | undefined;
  readonly data: unknown;
}

export interface Bench {
  readonly core: ProxmoxCore;
  readonly cluster: Cluster;
  readonly clock: MovableClock;
  /** One call, which goes on until it is answered; time passes as it needs. Tokens: `root` (all rights) and `agent` (pool `dc`). */
  call(method: Method, path: string, params?: Params, who?: Who): Promise<Answer>;
  /** Like `call`, and time stands still: for calls that run side by side. */
  send(method: Method, path: string, params?: Params, who?: Who): Promise<Answer>;
  /** A call that must answer with a UPID; resolves with the worker's exit status and log. */
  task(method: Method, path: string, params?: Params, who?: Who): Promise<Ended>;
  /** Lets time pass until the promise settles. */
  until<T>(promise: Promise<T>): Promise<T>;
  /** Lets time pass, in small steps, so that what falls due on the way is done. */
  pass(ms: number): Promise<void>;
  guest(vmid: number): Guest;
  ended(upid: string): Promise<Ended>;
}

export interface Ended {
  readonly upid: string;
  readonly status: string;
  readonly log: readonly string[];
}

export type Who = 'root' | 'agent' | 'login';
type Params = Readonly<Record<string, string | number | boolean | readonly string[]>>;

export const VM = '/nodes/pve/qemu';
export const KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINj+qWs61YddJt4/pThU+dSc9yZH+psSGIsk3h43RM1c tenant';
const STEP_MS = 50;
/** Calls that do not end within a simulated day never do. */
const LONGEST_MS = 86_400_000;

const PASSWORD = 'secret';
const SECRETS = { root: '00000000-0000-4000-8000-000000000001', agent: '00000000-0000-4000-8000-000000000002' };
const AGENT_ROLE =
  'VM.Allocate VM.Clone VM.Audit VM.PowerMgmt VM.Config.Disk VM.Config.CPU VM.Config.Memory VM.Config.Network VM.Config.Cloudinit VM.Config.Options Datastore.AllocateSpace Datastore.Audit SDN.Use Pool.Audit';

/** A cluster of one node (`pve`) with the template 9000 in pool `dc`, on file storage `local` and thin `local-lvm`. */
export function bench(
  options: { personality?: Personality; timings?: Partial<Timings>; driver?: GuestDriver; storage?: string } = {},
): Bench {
  const { personality = '9.1', timings, driver, storage = 'local' } = options;
  const clock = manualClock();
  const cluster = smallCluster(clock.now(), personality);
  const core = createProxmox({
    clock,
    random: countingRandom(),
    cluster,
    personality,
    ...(timings ? { timings } : {}),
    ...(driver ? { driver } : {}),
  });

  makeTemplate(core, storage);

  async function send(method: Method, path: string, params: Params = {}, who: Who = 'root'): Promise<Answer> {
    const inQuery = method === 'GET' || method === 'DELETE';
    const form = new URLSearchParams();
    for (const [name, value] of Object.entries(params)) {
      for (const item of Array.isArray(value) ? value : [value]) {
        form.append(name, typeof item === 'boolean' ? (item ? '1' : '0') : String(item));
      }
    }
    const query = inQuery && form.size > 0 ? `?${form.toString()}` : '';
    const { status, statusText, body } = await core.handle({
      method,
      path: `/api2/json${path}${query}`,
      headers: { ...identity(core, who), 'content-type': 'application/x-www-form-urlencoded' },
      ...(inQuery || form.size === 0 ? {} : { body: form.toString() }),
    });
    const parsed: { data?: unknown; errors?: Record<string, string> } = body === '' ? {} : JSON.parse(body);
    return { status, text: statusText, errors: parsed.errors, data: parsed.data };
  }

  async function until<T>(promise: Promise<T>): Promise<T> {
    let settled = false;
    const settle = (): void => {
      settled = true;
    };
    promise.then(settle, settle);
    for (let passed = 0; ; passed += STEP_MS) {
      await turn();
      if (settled) return promise;
      if (passed > LONGEST_MS) throw new Error('nothing happened within a simulated day');
      clock.advance(STEP_MS);
    }
  }

  async function ended(upid: string): Promise<Ended> {
    const status = await until(core.tasks.end(upid));
    return { upid, status, log: core.tasks.find(upid)?.log ?? [] };
  }

  return {
    core,
    cluster,
    clock,
    send,
    until,
    ended,
    call: (method, path, params, who) => until(send(method, path, params, who)),
    async task(method, path, params, who) {
      const answer = await until(send(method, path, params, who));
      if (typeof answer.data !== 'string') throw new Error(`${method} ${path}: ${answer.status} ${answer.text}`);
      return ended(answer.data);
    },
    async pass(ms) {
      for (let left = ms; left > 0; left -= STEP_MS) {
        await turn();
        clock.advance(Math.min(left, STEP_MS));
      }
      await turn();
    },
    guest(vmid) {
      const found = cluster.guests.get(vmid);
      if (!found) throw new Error(`there is no VM ${vmid}`);
      return found;
    },
  };
}

function identity(core: ProxmoxCore, who: Who): Record<string, string> {
  if (who === 'root') return { authorization: `PVEAPIToken=root@pam!lab=${SECRETS.root}` };
  if (who === 'agent') return { authorization: `PVEAPIToken=agent@pve!t1=${SECRETS.agent}` };
  const session = core.pve.login('root@pam', PASSWORD);
  if (!session) throw new Error('root cannot log in');
  return { cookie: `PVEAuthCookie=${encodeURIComponent(session.ticket)}`, csrfpreventiontoken: session.csrf };
}

function smallCluster(now: number, personality: Personality): Cluster {
  const cluster = createCluster({
    now,
    personality,
    nodes: [{ name: 'pve' }],
    storages: [
      { id: 'local', type: 'dir', content: ['images', 'import', 'iso'] },
      { id: 'local-lvm', type: 'lvmthin', content: ['images'] },
      { id: 'thick', type: 'lvm', content: ['images'] },
    ],
    rootPassword: PASSWORD,
  });
  const agent = createUser('agent@pve');
  cluster.users.set(agent.id, agent);
  agent.tokens.set('t1', { name: 't1', secret: SECRETS.agent, privsep: true, expire: 0 });
  cluster.users.get('root@pam')?.tokens.set('lab', { name: 'lab', secret: SECRETS.root, privsep: false, expire: 0 });
  cluster.pools.set('dc', { storages: new Set() });
  const inGuest = personality === '9.1' ? 'VM.GuestAgent.Audit' : 'VM.Monitor';
  cluster.roles.set('Agent', new Set([...AGENT_ROLE.split(' '), inGuest]));
  for (const path of ['/pool/dc', '/storage/local', '/storage/local-lvm', '/sdn/zones/localnetwork']) {
    cluster.acl.push({ path, kind: 'user', who: 'agent@pve', role: 'Agent', propagate: true });
    cluster.acl.push({ path, kind: 'token', who: 'agent@pve!t1', role: 'Agent', propagate: true });
  }
  return cluster;
}

function makeTemplate({ pve, cluster }: ProxmoxCore, storage: string): void {
  const node = cluster.nodes.get('pve');
  if (!node) throw new Error('the bench has no node');
  const files = storage === 'local';
  const [folder, extension, format] = files ? ['9000/', '.qcow2', 'qcow2'] : ['', '', 'raw'];
  const disk = `${storage}:${folder}base-9000-disk-0${extension}`;
  const drive = `${storage}:${folder}vm-9000-cloudinit${extension}`;
  const common = { storage, content: 'images', format, vmid: 9000, createdAt: pve.clock.now() } as const;
  addVolume(pve, node, { ...common, volid: disk, sizeBytes: 2300 * 2 ** 20, usedBytes: 600 * 2 ** 20 });
  addVolume(pve, node, { ...common, volid: drive, sizeBytes: 4 * 2 ** 20 });
  const config = {
    agent: 'enabled=1',
    boot: 'order=scsi0',
    cores: '2',
    ide2: `${drive},media=cdrom`,
    memory: '2048',
    name: 'debian-13',
    net0: 'virtio=BC:24:11:93:5E:AF,bridge=vmbr0,firewall=1',
    scsi0: `${disk},discard=on,size=2300M`,
    serial0: 'socket',
    smbios1: 'uuid=26635f52-abfe-47f3-82ae-acbfbc810a52',
    vga: 'serial0',
    vmgenid: '6b311d2d-5597-4868-90cb-b6fb040dcec2',
  };
  const template = newGuest(pve, { vmid: 9000, node: 'pve', config: new Map(Object.entries(config)) });
  template.template = true;
  template.pool = 'dc';
}
