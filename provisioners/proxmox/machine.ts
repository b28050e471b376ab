import { isOn, parseOptions, parseSize } from './options.ts';
import type { VmConfig } from './wire.ts';

/** What a machine's configuration says of the things that the plugin cares about. */
export interface Disk {
  /** `scsi0` */
  readonly key: string;
  readonly storage: string;
  readonly sizeBytes: number | undefined;
}

const DISK_KEY = /^(?:scsi|virtio|sata|ide)\d+$/;

/** The disk that the machine boots from: the first disk in the boot order, else the usual first one; undefined when there is none. */
export function bootDisk(config: VmConfig): Disk | undefined {
  const order = parseOptions(config['boot']).get('order')?.split(';') ?? [];
  const usual = ['scsi0', 'virtio0', 'sata0', 'ide0'];
  return [...order, ...usual].map((key) => diskAt(config, key)).find((disk) => disk !== undefined);
}

/** Every disk that holds data; cloud-init drives and CDs are none. */
export function disks(config: VmConfig): Disk[] {
  return Object.keys(config)
    .map((key) => diskAt(config, key))
    .filter((disk) => disk !== undefined);
}

export function hasCloudInitDrive(config: VmConfig): boolean {
  return Object.entries(config).some(([key, value]) => DISK_KEY.test(key) && isCloudInit(value));
}

export function hasAgent(config: VmConfig): boolean {
  const options = parseOptions(config['agent']);
  return isOn(options.get('') ?? options.get('enabled'));
}

/** The address of the first network card, lower case. */
export function macOf(config: VmConfig): string | undefined {
  const net = parseOptions(config['net0']);
  const [, address] = [...net].find(([, value]) => /^([0-9a-f]{2}:){5}[0-9a-f]{2}$/i.test(value)) ?? [];
  return address?.toLowerCase();
}

/** The IPv4 address that cloud-init sets; undefined with DHCP. */
export function staticIpv4(config: VmConfig): string | undefined {
  const ip = parseOptions(config['ipconfig0']).get('ip');
  return ip === undefined || ip === 'dhcp' ? undefined : ip.split('/')[0];
}

/** MiB; a machine whose configuration names none gets 512. */
export function memoryMbOf(config: VmConfig): number {
  const options = parseOptions(config['memory']);
  return Number(options.get('current') ?? options.get('') ?? 512);
}

export function isTemplate(config: VmConfig): boolean {
  return isOn(config['template']);
}

function diskAt(config: VmConfig, key: string): Disk | undefined {
  const value = DISK_KEY.test(key) ? config[key] : undefined;
  const options = parseOptions(value);
  const volume = options.get('') ?? options.get('file') ?? '';
  if (value === undefined || options.get('media') === 'cdrom' || isCloudInit(value) || !volume.includes(':')) {
    return undefined;
  }
  return { key, storage: volume.slice(0, volume.indexOf(':')), sizeBytes: parseSize(options.get('size')) };
}

function isCloudInit(value: string): boolean {
  return /(?:^|[:/-])(?:vm-\d+-)?cloudinit(?:$|[.,])/.test(value);
}
