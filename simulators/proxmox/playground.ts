import type { Clock } from '../../src/ports/clock.ts';
import type { Random } from '../../src/ports/random.ts';
import { createCluster, createUser, type NodeSpec, type StorageSpec } from './build.ts';
import type { Personality } from './call.ts';
import { statdRound } from './cluster/statd.ts';
import { createProxmox, type ProxmoxCore, type ProxmoxOptions } from './core.ts';
import { newGuest } from './qemu/guests.ts';
import { addVolume } from './storage/usage.ts';
import type { Timings } from './timings.ts';

export interface PlaygroundOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly personality?: Personality;
  readonly timings?: Partial<Timings>;
  /** Default: one, `pve`. */
  readonly nodes?: readonly (string | NodeSpec)[];
  /** Where machines' disks lie. Default: LVM-thin, as the installer makes it. */
  readonly disks?: 'lvmthin' | 'lvm' | 'dir' | 'zfspool' | 'nfs';
  /** Of the disks' storage. */
  readonly diskGb?: number;
  readonly driver?: ProxmoxOptions['driver'];
  readonly downloads?: ProxmoxOptions['downloads'];
  readonly errorTexts?: ProxmoxOptions['errorTexts'];
}

export interface Playground {
  readonly core: ProxmoxCore;
  readonly nodes: readonly string[];
  /** What the agent is given: a token with exactly the rights for its day's work, on pool, storages and bridges. */
  readonly token: { readonly id: string; readonly secret: string };
  /** What the wizard logs in with. */
  readonly root: { readonly user: 'root@pam'; readonly password: string };
  readonly pool: string;
  readonly role: string;
  /** The storage of the disks. */
  readonly storage: string;
  /** A template with cloud-init drive and guest agent, 3 GiB, on the first node, in the pool. */
  readonly template: number;
  readonly bridge: string;
}

/** The privileges of an agent's day: no more are needed, and with fewer something fails. */
const DAILY = [
  'VM.Allocate',
  'VM.Clone',
  'VM.Audit',
  'VM.PowerMgmt',
  'VM.Config.Disk',
  'VM.Config.CPU',
  'VM.Config.Memory',
  'VM.Config.Network',
  'VM.Config.Cloudinit',
  'VM.Config.Options',
  'Datastore.AllocateSpace',
  'Datastore.Audit',
  'SDN.Use',
  'Pool.Audit',
];
/** The guest agent: the two versions know different names. */
const AGENT: Readonly<Record<Personality, string>> = { '8.4': 'VM.Monitor', '9.1': 'VM.GuestAgent.Audit' };

const POOL = 'dc';
const ROLE = 'DcAgent';
const USER = 'dc-agent@pve';
const TOKEN = 'agent';
const PASSWORD = 'playground';
const TEMPLATE = 9000;
const BRIDGE = 'vmbr0';
const TEMPLATE_BYTES = 3 * 1024 ** 3;
const IMAGE_BYTES = 320 * 1024 ** 2;

/** A cluster that an agent can be pointed at: everything that a setup would have made is there. */
export function playground(options: PlaygroundOptions): Playground {
  const { clock, random, personality = '9.1', disks = 'lvmthin' } = options;
  const nodes = (options.nodes ?? ['pve']).map((node) => (typeof node === 'string' ? { name: node } : node));
  const cluster = createCluster({
    now: clock.now(),
    personality,
    nodes,
    storages: storages(disks, options.diskGb),
    rootPassword: PASSWORD,
  });
  const core = createProxmox({
    clock,
    random,
    cluster,
    personality,
    ...(options.timings ? { timings: options.timings } : {}),
    ...(options.driver ? { driver: options.driver } : {}),
    ...(options.downloads ? { downloads: options.downloads } : {}),
    ...(options.errorTexts ? { errorTexts: options.errorTexts } : {}),
  });
  const storage = disks === 'lvmthin' ? 'local-lvm' : disks === 'dir' ? 'local' : disks;
  cluster.pools.set(POOL, { storages: new Set() });
  cluster.roles.set(ROLE, new Set([...DAILY, AGENT[personality]]));
  const secret = random.uuid();
  const user = createUser(USER);
  user.tokens.set(TOKEN, { name: TOKEN, secret, privsep: true, expire: 0 });
  cluster.users.set(USER, user);
  for (const path of [`/pool/${POOL}`, `/storage/${storage}`, '/sdn/zones/localnetwork']) {
    cluster.acl.push({ path, kind: 'user', who: USER, role: ROLE, propagate: true });
    cluster.acl.push({ path, kind: 'token', who: `${USER}!${TOKEN}`, role: ROLE, propagate: true });
  }
  makeTemplate(core, storage);
  statdRound(core.pve);
  return {
    core,
    nodes: nodes.map(({ name }) => name),
    token: { id: `${USER}!${TOKEN}`, secret },
    root: { user: 'root@pam', password: PASSWORD },
    pool: POOL,
    role: ROLE,
    storage,
    template: TEMPLATE,
    bridge: BRIDGE,
  };
}

function storages(disks: NonNullable<PlaygroundOptions['disks']>, totalGb = 800): StorageSpec[] {
  const files = ['iso', 'vztmpl', 'backup', 'import', 'snippets'];
  const local: StorageSpec = { id: 'local', type: 'dir', content: files, totalGb: 100 };
  if (disks === 'dir') return [{ ...local, content: [...files, 'images', 'rootdir'], totalGb }];
  const id = disks === 'lvmthin' ? 'local-lvm' : disks;
  return [local, { id, type: disks, content: ['images', 'rootdir'], totalGb, usedGb: 0, shared: disks === 'nfs' }];
}

/** As an operator makes it: an image with cloud-init and guest agent, and nothing in it that belongs to one machine. */
function makeTemplate({ pve, cluster }: ProxmoxCore, storage: string): void {
  const [node] = [...cluster.nodes.values()];
  const def = cluster.storages.get(storage);
  if (!node || !def) throw new Error('a playground needs a node and a storage');
  const files = def.directory !== undefined;
  const name = (kind: string): string => (files ? `${storage}:${TEMPLATE}/${kind}.qcow2` : `${storage}:${kind}`);
  const disk = name(`base-${TEMPLATE}-disk-0`);
  const drive = name(`vm-${TEMPLATE}-cloudinit`);
  const common = { storage, content: 'images', vmid: TEMPLATE, createdAt: pve.clock.now() } as const;
  const format = files ? 'qcow2' : 'raw';
  addVolume(pve, node, { ...common, volid: disk, format, sizeBytes: TEMPLATE_BYTES, usedBytes: IMAGE_BYTES });
  addVolume(pve, node, { ...common, volid: drive, format, sizeBytes: 4 * 1024 ** 2 });
  const config = new Map([
    ['agent', 'enabled=1'],
    ['boot', 'order=scsi0'],
    ['cores', '2'],
    ['cpu', 'host'],
    ['ide2', `${drive},media=cdrom,size=4M`],
    ['memory', '2048'],
    ['name', 'debian-13'],
    ['net0', `virtio=BC:24:11:00:90:00,bridge=${BRIDGE}`],
    ['ostype', 'l26'],
    ['scsi0', `${disk},discard=on,size=3G`],
    ['scsihw', 'virtio-scsi-single'],
    ['serial0', 'socket'],
    ['smbios1', `uuid=${pve.random.uuid()}`],
    ['vga', 'serial0'],
    ['vmgenid', pve.random.uuid()],
  ]);
  const guest = newGuest(pve, { vmid: TEMPLATE, node: node.name, config });
  guest.template = true;
  guest.pool = POOL;
}
