/** Everything the project holds, as plain mutable data. Times are Unix ms unless said otherwise. */

export interface Location {
  readonly id: number;
  readonly name: string;
  readonly description: string;
  readonly country: string;
  readonly city: string;
  readonly latitude: number;
  readonly longitude: number;
  readonly network_zone: string;
}

export type Architecture = 'x86' | 'arm';

export interface ServerType {
  readonly id: number;
  readonly name: string;
  readonly description: string;
  readonly cores: number;
  readonly memory: number;
  readonly disk: number;
  /** Net cents a month in Europe. */
  readonly cents: number;
  readonly locations: readonly string[];
  readonly cpuType: 'shared' | 'dedicated';
  readonly category: string;
  readonly architecture: Architecture;
  deprecation: { readonly announced: string; readonly unavailable_after: string } | undefined;
}

export type Labels = Readonly<Record<string, string>>;

/** What a snapshot remembers of the system on the disk. */
export interface Disk {
  readonly authorizedKeys: readonly string[];
  /** As OpenSSH writes it, where it is known. */
  readonly hostKey: string | undefined;
  /** What the host key's fingerprint is made of. */
  readonly identity: string;
  readonly rootPassword: string | undefined;
}

export interface Image {
  readonly id: number;
  type: 'system' | 'app' | 'snapshot' | 'backup';
  status: 'available' | 'creating' | 'unavailable';
  readonly name: string | null;
  description: string;
  image_size: number | null;
  readonly disk_size: number;
  readonly created: number;
  readonly created_from: { readonly id: number; readonly name: string } | null;
  /** The server that a backup dies with. */
  bound_to: number | null;
  readonly os_flavor: 'ubuntu' | 'centos' | 'debian' | 'fedora' | 'rocky' | 'alma' | 'opensuse' | 'unknown';
  readonly os_version: string | null;
  readonly rapid_deploy: boolean;
  readonly protection: { delete: boolean };
  readonly deprecated: number | null;
  labels: Labels;
  readonly architecture: Architecture;
  /** Of snapshots and backups; not shown. */
  readonly contents?: Disk;
}

export interface Iso {
  readonly id: number;
  readonly name: string;
  readonly description: string;
  readonly architecture: Architecture;
}

export type ServerStatus =
  | 'running'
  | 'initializing'
  | 'starting'
  | 'stopping'
  | 'off'
  | 'deleting'
  | 'migrating'
  | 'rebuilding'
  | 'unknown';

export interface Server {
  readonly id: number;
  name: string;
  status: ServerStatus;
  readonly created: number;
  type: ServerType;
  readonly location: Location;
  image: Image | undefined;
  labels: Labels;
  /** Kept for rebuilds, as the provider does. */
  userData: string;
  /** Public keys that were named at creation. */
  readonly publicKeys: readonly string[];
  /** Valid inside the guest. */
  rootPassword: string | undefined;
  /** Primary IPs, by id. */
  ipv4: number | undefined;
  ipv6: number | undefined;
  readonly privateNets: { network: number; ip: string; mac: string }[];
  placementGroup: number | undefined;
  readonly protection: { delete: boolean; rebuild: boolean };
  rescue: { readonly enabledAt: number; readonly keys: readonly string[] } | undefined;
  /** Booted into the rescue system: only these keys let anybody in. */
  inRescue: readonly string[] | undefined;
  backups: boolean;
  diskGb: number;
  traffic: Traffic;
  /** How the system inside behaves. `boots` false: stays off although it was powered on. */
  readonly guest: { agent: boolean; acpi: boolean; boots: boolean };
  /** Monotonic time from which on a login is accepted; undefined while off. */
  sshReadyAt: number | undefined;
  /** Monotonic time of the last start; undefined while off. */
  startedAt: number | undefined;
  /** What was on its disk before its first boot, when it was made from a snapshot. */
  disk: Disk | undefined;
  /** As OpenSSH writes it; set by whoever plays the guest. */
  hostKey?: string;
}

export interface Traffic {
  bytesIn: number;
  bytesOut: number;
  /** Up to when it was counted. */
  at: number;
  /** False before a server first ran; the API then shows null. */
  known: boolean;
  /** The API shows null although there is something to show. */
  hidden: boolean;
}

export interface SshKey {
  readonly id: number;
  name: string;
  readonly fingerprint: string;
  readonly publicKey: string;
  labels: Labels;
  readonly created: number;
}

export interface PrimaryIp {
  readonly id: number;
  name: string;
  readonly type: 'ipv4' | 'ipv6';
  /** An IPv4 address, or a /64. */
  readonly ip: string;
  readonly location: Location;
  readonly created: number;
  labels: Labels;
  autoDelete: boolean;
  blocked: boolean;
  assignee: number | undefined;
  readonly protection: { delete: boolean };
  /** Reverse names by address. */
  readonly names: Map<string, string>;
}

export interface Volume {
  readonly id: number;
  name: string;
  readonly created: number;
  readonly location: Location;
  size: number;
  server: number | undefined;
  status: 'creating' | 'available';
  readonly format: string | null;
  labels: Labels;
  readonly protection: { delete: boolean };
}

export interface FirewallRule {
  readonly direction: 'in' | 'out';
  readonly protocol: 'tcp' | 'udp' | 'icmp' | 'esp' | 'gre';
  readonly port: string | null;
  readonly source_ips: readonly string[];
  readonly destination_ips: readonly string[];
  readonly description: string | null;
}

export interface Firewall {
  readonly id: number;
  name: string;
  readonly created: number;
  labels: Labels;
  rules: readonly FirewallRule[];
  /** By server id. A server that is gone lingers here for a while. */
  readonly servers: Map<number, 'pending' | 'applied'>;
  readonly selectors: Set<string>;
}

export interface PlacementGroup {
  readonly id: number;
  name: string;
  readonly created: number;
  labels: Labels;
}

export interface Network {
  readonly id: number;
  name: string;
  readonly created: number;
  readonly ipRange: string;
  labels: Labels;
  readonly subnets: { readonly ipRange: string; readonly zone: string }[];
  readonly protection: { delete: boolean };
}

export interface Action {
  readonly id: number;
  readonly command: string;
  status: 'running' | 'success' | 'error';
  readonly started: number;
  finished: number | undefined;
  /** How long it takes once it is its turn, which began at `begunAt`. */
  readonly ms: number;
  begunAt: number | undefined;
  readonly resources: readonly Resource[];
  error: { readonly code: string; readonly message: string } | null;
  /** The API no longer knows this id. */
  readonly forgotten: boolean;
}

export interface Resource {
  readonly id: number;
  readonly type: 'server' | 'image' | 'volume' | 'primary_ip' | 'firewall' | 'network' | 'placement_group';
}

export interface Project {
  readonly servers: Map<number, Server>;
  readonly images: Map<number, Image>;
  readonly sshKeys: Map<number, SshKey>;
  readonly primaryIps: Map<number, PrimaryIp>;
  readonly volumes: Map<number, Volume>;
  readonly firewalls: Map<number, Firewall>;
  readonly placementGroups: Map<number, PlacementGroup>;
  readonly networks: Map<number, Network>;
}

export function emptyProject(images: readonly Image[]): Project {
  return {
    servers: new Map(),
    images: new Map(images.map((image) => [image.id, image])),
    sshKeys: new Map(),
    primaryIps: new Map(),
    volumes: new Map(),
    firewalls: new Map(),
    placementGroups: new Map(),
    networks: new Map(),
  };
}
