/** Everything the cluster knows, as plain mutable data. Owned by the core; endpoints change it inside their locks. */
export interface Cluster {
  readonly name: string;
  readonly nodes: Map<string, Node>;
  /** Of all nodes, by VMID. */
  readonly guests: Map<number, Guest>;
  /** Definitions of storages, datacenter-wide. */
  readonly storages: Map<string, StorageDef>;
  readonly pools: Map<string, { comment?: string; storages: Set<string> }>;
  readonly users: Map<string, User>;
  readonly roles: Map<string, Set<string>>;
  readonly acl: AclEntry[];
  /** Other options of datacenter.cfg, as they were set. */
  readonly options: Map<string, string>;
  /** Datacenter firewall on or off, and its other options. */
  firewall: { enable: boolean; options: Map<string, unknown> };
  /** `next-id` of datacenter.cfg: the lowest free id from `lower` on, and below `upper`. */
  nextId: { lower: number; upper: number };
  /** False: no quorum, every write is refused. */
  quorate: boolean;
  /** What the pvestatd of the nodes last told of each VMID. It outlives its machine, and so a reused id shows the dead one's. */
  readonly seen: Map<number, Seen>;
}

/** One machine in pvestatd's last round. */
export interface Seen {
  readonly at: number;
  readonly status: 'running' | 'stopped';
  readonly name: string;
  readonly template: boolean;
  readonly uptime: number;
  readonly netin: number;
  readonly netout: number;
}

export interface Node {
  readonly name: string;
  readonly address: string;
  /** Offline = rebooting or dead: its calls end in 595. */
  online: boolean;
  startedAt: number;
  readonly cpuModel: string;
  readonly cores: number;
  readonly memoryBytes: number;
  readonly bridges: Map<string, { cidr?: string; vlanAware: boolean }>;
  /** Volumes by id (`local:import/debian.qcow2`), per storage of this node; shared storages live on every node's map by reference. */
  readonly volumes: Map<string, Volume>;
  readonly pci: readonly PciDevice[];
  certificate: NodeCertificate;
}

/** What pveproxy shows in its handshake. */
export interface NodeCertificate {
  /** The leaf; absent while nobody serves the node over TLS. */
  readonly pem?: string;
  /** The authority that signed it. */
  readonly authority?: string;
  /** SHA-256: `AA:BB:…`. */
  readonly fingerprint: string;
}

export interface PciDevice {
  readonly id: string;
  readonly class: string;
  readonly vendor: string;
  readonly device: string;
  readonly vendorName: string;
  readonly deviceName: string;
  readonly iommugroup: number;
}

export interface StorageDef {
  readonly id: string;
  readonly type: 'dir' | 'lvmthin' | 'lvm' | 'zfspool' | 'nfs' | 'rbd' | 'btrfs';
  content: Set<string>;
  readonly shared: boolean;
  /** Nodes that have it; absent = all. */
  readonly nodes?: readonly string[];
  totalBytes: number;
  /** Taken by what is not in the list of volumes; what is left is the rest. */
  usedBytes: number;
  /** Where a storage of files lies: `/var/lib/vz`. */
  readonly directory?: string;
  disabled?: true;
}

export interface Volume {
  readonly volid: string;
  readonly storage: string;
  readonly content: 'images' | 'import' | 'iso' | 'vztmpl' | 'snippets' | 'backup';
  readonly format: string;
  /** Of the disk; the file of an image is most often smaller (`usedBytes`). */
  sizeBytes: number;
  /** The guest it belongs to. */
  vmid?: number;
  /** Of a linked clone: the base volume. */
  parent?: string;
  readonly createdAt: number;
  /** Bytes it takes on the storage, when that is less than its size. */
  usedBytes?: number;
  /** Of a file that was downloaded or sent: lower-case hex by algorithm. */
  readonly checksums?: Readonly<Record<string, string>>;
  /** What was downloaded: decides whether an import makes a machine that boots. */
  readonly contents?: string;
}

export interface Guest {
  readonly vmid: number;
  node: string;
  /** As PVE stores them, raw: `memory: '1024'`, `net0: 'virtio=BC:…,bridge=vmbr0'`, `sshkeys` still URL-encoded. No `digest`. */
  readonly config: Map<string, string>;
  /** What the running machine was started with (changes that cannot be plugged are pending until the next start). */
  started?: Map<string, string>;
  template: boolean;
  status: 'running' | 'stopped';
  /** `clone`, `backup`, `destroyed`, … */
  lock?: string;
  pool?: string;
  pid?: number;
  startedAt?: number;
  /** When the system inside last began to boot (after a reset later than `startedAt`), and the network it was told. */
  boot?: { readonly at: number; readonly network: string };
  paused?: true;
  /** What is on its cloud-init drive (written at each start, and when asked to), and the options it was made from. */
  cloudInit?: CloudInitData & { readonly options: ReadonlyMap<string, string> };
  readonly createdAt: number;
  /** Bytes since the tap device was made, which was `since`, or with the start. */
  traffic: { in: number; out: number; since?: number };
  /** What the guest itself does; absent in a template. */
  guest: GuestBehaviour;
  firewall: {
    options: Map<string, unknown>;
    rules: Map<string, unknown>[];
    ipsets: Map<string, Map<string, string | undefined>>;
  };
}

/** How the operating system inside behaves. */
export interface GuestBehaviour {
  /** Has the guest agent, and it comes up. */
  agent: boolean;
  /** Heeds ACPI. */
  acpi: boolean;
  /** Addresses that DHCP gives; with a static ipconfig that one counts. */
  addresses: { ipv4?: string; ipv6?: string };
  /** Where its SSH server really listens, when a guest driver runs one. */
  ssh?: { host: string; port: number };
}

export interface User {
  readonly id: string;
  enable: boolean;
  /** Seconds since 1970, 0 = never. */
  expire: number;
  comment?: string;
  password?: string;
  readonly tokens: Map<string, Token>;
}

export interface Token {
  readonly name: string;
  readonly secret: string;
  privsep: boolean;
  expire: number;
  comment?: string;
}

export interface AclEntry {
  readonly path: string;
  readonly kind: 'user' | 'token' | 'group';
  /** `user@realm` or `user@realm!token`. */
  readonly who: string;
  readonly role: string;
  propagate: boolean;
}

/** The driver that gives machines an inside: none, an SSH server in this process, or a booted system. */
export interface GuestDriver {
  /** The machine was switched on with this configuration; resolves when it is on its way, not when it is up. */
  started(guest: Guest, cloudInit: CloudInitData): Promise<void>;
  stopped(guest: Guest): Promise<void>;
  destroyed(guest: Guest): Promise<void>;
  /** Runs a guest agent command; throws when the guest has no agent. */
  exec?(
    guest: Guest,
    command: readonly string[],
    input: string,
  ): Promise<{ exitcode: number; stdout: string; stderr: string }>;
  close(): Promise<void>;
}

/** The documents on the cloud-init drive, as PVE generates them from the configuration at each start. */
export interface CloudInitData {
  readonly user: string;
  readonly network: string;
  readonly meta: string;
}
