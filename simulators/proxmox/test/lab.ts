import { type MovableClock, manualClock } from '../../platform/manual-clock.ts';
import { createCluster, createUser } from '../build.ts';
import type { Personality } from '../call.ts';
import { statdRound } from '../cluster/statd.ts';
import { createProxmox, type ProxmoxCore } from '../core.ts';
import { switchOn } from '../qemu/boot.ts';
import { newGuest } from '../qemu/guests.ts';
import { addVolume } from '../storage/usage.ts';
import { LAB_DOWNLOADS } from './lab-downloads.ts';
import { countingRandom } from './random.ts';

/** The cluster on which the recordings were made: one node, one storage, a template, a linked clone of it, an agent's user. */
export interface Lab {
  readonly core: ProxmoxCore;
  readonly clock: MovableClock;
}

export const LAB_PASSWORD = 'PASSWORD';
const IMAGE_BYTES = 2_411_724_800;
const FILE_BYTES = 322_306_048;
const CLOUD_INIT_BYTES = 4 * 2 ** 20;

const AGENT_PRIVILEGES = [
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

/** The recorded guests ran under emulation: their agents took up to two minutes. */
const AGENT_MS = 128_000;

export function createLab(personality: Personality, node: string): Lab {
  const clock = manualClock(1_795_335_680_000);
  const address = personality === '9.1' ? '10.10.10.1' : '10.10.20.1';
  const cluster = createCluster({
    now: clock.now(),
    personality,
    nodes: [{ name: node, address, cores: 2, memoryGb: 24 }],
    storages: [
      {
        id: 'local',
        type: 'dir',
        content: ['backup', 'vztmpl', 'rootdir', 'images', 'snippets', 'import', 'iso'],
        totalGb: 252,
        usedGb: 34,
      },
    ],
    rootPassword: LAB_PASSWORD,
  });
  cluster.users.get('root@pam')?.tokens.set('lab', { name: 'lab', secret: 'root-secret', privsep: false, expire: 0 });
  const agent = createUser('agent@pve');
  agent.tokens.set('t1', { name: 't1', secret: 'agent-secret', privsep: true, expire: 0, comment: 'x' });
  cluster.users.set(agent.id, agent);
  cluster.roles.set(
    'Agent',
    new Set([...AGENT_PRIVILEGES, personality === '9.1' ? 'VM.GuestAgent.Audit' : 'VM.Monitor']),
  );
  cluster.pools.set('dc', { storages: new Set() });
  const core = createProxmox({
    clock,
    random: countingRandom(),
    cluster,
    personality,
    timings: { agentMs: AGENT_MS, addressMs: AGENT_MS + 1_000, downloadMsPerMb: 30 },
    downloads: LAB_DOWNLOADS,
  });
  addMachines(core, node);
  statdRound(core.pve);
  return { core, clock };
}

/** Gives the agent's user and token their rights, as they stand when the recording of a set begins with them. */
export function grantAgent({ cluster }: ProxmoxCore): void {
  for (const path of ['/pool/dc', '/sdn/zones/localnetwork', '/storage/local']) {
    cluster.acl.push({ path, kind: 'user', who: 'agent@pve', role: 'Agent', propagate: true });
    cluster.acl.push({ path, kind: 'token', who: 'agent@pve!t1', role: 'Agent', propagate: true });
  }
}

/** Switches the linked clone on, as it was when some sets began. */
export async function startMachine({ pve, cluster }: ProxmoxCore): Promise<void> {
  const guest = cluster.guests.get(101);
  if (guest) await switchOn(pve, guest, { wait: () => Promise.resolve(), log() {}, warn() {} });
}

function addMachines({ pve, cluster }: ProxmoxCore, name: string): void {
  const node = cluster.nodes.get(name);
  if (!node) throw new Error(`the lab has no node ${name}`);
  const createdAt = pve.clock.now() - 1_000_000;
  const volume = { storage: 'local', format: 'qcow2', createdAt } as const;
  addVolume(pve, node, {
    ...volume,
    volid: 'local:import/debian-13-lab.qcow2',
    content: 'import',
    sizeBytes: IMAGE_BYTES,
    usedBytes: FILE_BYTES,
  });
  const base = 'local:9000/base-9000-disk-0.qcow2';
  const image = { ...volume, content: 'images' } as const;
  addVolume(pve, node, { ...image, volid: base, vmid: 9000, sizeBytes: IMAGE_BYTES, usedBytes: 633_479_168 });
  addVolume(pve, node, {
    ...image,
    volid: 'local:9000/vm-9000-cloudinit.qcow2',
    vmid: 9000,
    sizeBytes: CLOUD_INIT_BYTES,
    usedBytes: 266_240,
  });
  addVolume(pve, node, {
    ...image,
    volid: `${base}/101/vm-101-disk-0.qcow2`,
    vmid: 101,
    parent: base,
    sizeBytes: 4_294_967_296,
    usedBytes: 12_603_392,
  });
  addVolume(pve, node, {
    ...image,
    volid: 'local:101/vm-101-cloudinit.qcow2',
    vmid: 101,
    sizeBytes: CLOUD_INIT_BYTES,
    usedBytes: 446_464,
  });
  const template = newGuest(pve, {
    vmid: 9000,
    node: name,
    config: new Map([
      ...common('debian-13-tmpl', '1024'),
      ['tags', 'tmpl;debian'],
      ['ide2', 'local:9000/vm-9000-cloudinit.qcow2,media=cdrom'],
      ['scsi0', `${base},discard=on,size=2300M`],
      ['net0', 'virtio=BC:24:11:00:90:00,bridge=vmbr0,firewall=1'],
    ]),
  });
  template.template = true;
  template.pool = 'dc';
  const clone = newGuest(pve, {
    vmid: 101,
    node: name,
    config: new Map([
      ...common('vm101', '768'),
      ['tags', 'tmpl;debian'],
      ['ide2', 'local:101/vm-101-cloudinit.qcow2,media=cdrom,size=4M'],
      ['scsi0', `${base}/101/vm-101-disk-0.qcow2,discard=on,size=4G`],
      ['net0', 'virtio=BC:24:11:3D:46:28,bridge=vmbr0,firewall=1'],
      ['ipconfig0', 'ip=dhcp'],
    ]),
  });
  clone.pool = 'dc';
}

function common(name: string, memory: string): [string, string][] {
  return [
    ['agent', 'enabled=1'],
    ['boot', 'order=scsi0'],
    ['cores', '2'],
    ['cpu', 'host'],
    ['memory', memory],
    ['name', name],
    ['ostype', 'l26'],
    ['scsihw', 'virtio-scsi-single'],
    ['serial0', 'socket'],
    ['smbios1', `uuid=11111111-1111-4111-8111-${name.length.toString().padStart(12, '0')}`],
    ['vga', 'serial0'],
    ['vmgenid', '22222222-2222-4222-8222-222222222222'],
  ];
}
