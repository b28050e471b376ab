import { badParameters, died, type Pve } from '../call.ts';
import { parseProperties, printProperties } from '../properties.ts';
import type { Guest, Node, StorageDef, Volume } from '../state.ts';
import { addVolume, dropVolume, usageOf } from '../storage/usage.ts';
import { DRIVE_PROPERTIES } from './options/drive.ts';
import { isDrive } from './options/options.ts';

/** A disk's properties by name, `file` (the volume) among them. */
export type Drive = Map<string, string>;

/** How long an allocation waits for its storage. */
const STORAGE_LOCK_MS = 10_000;
/** What a copy-on-write image takes when it is new. */
const THIN_BYTES = 256 * 1024;
const CLOUD_INIT_BYTES = 4 * 2 ** 20;

export function parseDrive(text: string): Drive {
  return parseProperties(DRIVE_PROPERTIES, text);
}

export function printDrive(drive: Drive): string {
  return printProperties(DRIVE_PROPERTIES, drive);
}

export function fileOf(drive: Drive): string {
  return drive.get('file') ?? 'none';
}

export function isCdrom(drive: Drive): boolean {
  return drive.get('media') === 'cdrom';
}

/** The small drive from which the guest reads its cloud-init documents. */
export function isCloudInit(drive: Drive): boolean {
  return /[:/]vm-\d+-cloudinit(\.\w+)?$/.test(fileOf(drive));
}

/** The machine's drives by option, in order of their names. */
export function drivesOf(config: ReadonlyMap<string, string>): (readonly [name: string, drive: Drive])[] {
  return [...config]
    .filter(([name]) => isDrive(name))
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, text]) => [name, parseDrive(text)] as const);
}

export function storageOf(volid: string): string {
  return volid.slice(0, volid.indexOf(':'));
}

/** The machine that a volume's name says it belongs to. */
export function ownerOf(volid: string): number | undefined {
  const [, owner] = /(?:vm|base)-(\d+)-(?:disk-\d+|cloudinit)(?:\.\w+)?$/.exec(volid) ?? [];
  return owner === undefined ? undefined : Number(owner);
}

/** A storage as this node has it. */
export function storageDef(pve: Pve, node: string, id: string): StorageDef {
  const def = pve.cluster.storages.get(id);
  if (!def) throw died(`storage '${id}' does not exist`);
  if (def.disabled) throw died(`storage '${id}' is disabled`);
  if (def.nodes && !def.nodes.includes(node)) throw died(`storage '${id}' is not available on node '${node}'`);
  return def;
}

/** Refuses a storage that holds no disks of machines. */
export function imageStorage(pve: Pve, node: string, id: string): StorageDef {
  const def = storageDef(pve, node, id);
  if (!def.content.has('images')) throw badParameters({ storage: `storage '${id}' does not support vm images` });
  return def;
}

export function isFileStorage({ type }: StorageDef): boolean {
  return type === 'dir' || type === 'nfs' || type === 'btrfs';
}

/** Thick LVM can neither be a template's storage nor clone; everything else can. */
export function canClone({ type }: StorageDef): boolean {
  return type !== 'lvm';
}

export function findVolume(pve: Pve, node: string, volid: string): Volume | undefined {
  return pve.cluster.nodes.get(node)?.volumes.get(volid);
}

export function removeVolume(pve: Pve, node: string, volid: string): void {
  dropVolume(pve, nodeOf(pve, node), volid);
}

/** Where the host itself finds a volume: for the texts of its tools. */
export function pathOf(pve: Pve, volid: string): string {
  const def = pve.cluster.storages.get(storageOf(volid));
  const name = volid.slice(volid.indexOf(':') + 1).replace(/^.*\/(\d+\/)/, '$1');
  if (!def || !isFileStorage(def)) return `/dev/${def?.type === 'zfspool' ? `zvol/${def.id}` : 'pve'}/${name}`;
  const directory = def.directory ?? `/mnt/pve/${def.id}`;
  return name.startsWith('import/') ? `${directory}/${name}` : `${directory}/images/${name}`;
}

export interface Allocation {
  readonly node: string;
  readonly storage: StorageDef;
  readonly vmid: number;
  readonly kind: 'disk' | 'cloudinit';
  readonly format: string;
  readonly bytes: number;
  /** Of a linked clone: the base volume. */
  readonly parent?: string;
  /** Bytes it takes at once: a full copy takes what its source holds. */
  readonly copied?: number;
}

/** Makes a volume under the lock of its storage. Full storage: the text of `lvcreate`, or of a file system. */
export async function allocate(pve: Pve, wanted: Allocation, log: (line: string) => void): Promise<Volume> {
  const { node, storage, vmid, kind, format, bytes, parent } = wanted;
  const used = parent === undefined ? (wanted.copied ?? (storage.type === 'lvm' ? bytes : THIN_BYTES)) : THIN_BYTES;
  return await pve.locked(
    `storage-${storage.id}`,
    'exclusive',
    STORAGE_LOCK_MS,
    () => {
      if (used > usageOf(nodeOf(pve, node), storage).avail) throw noSpace(storage, vmid);
      const volume: Volume = {
        volid: freshVolid(pve, wanted),
        storage: storage.id,
        content: 'images',
        format,
        sizeBytes: bytes,
        usedBytes: used,
        vmid,
        createdAt: pve.clock.now(),
        ...(parent === undefined ? {} : { parent }),
      };
      addVolume(pve, nodeOf(pve, node), volume);
      if (isFileStorage(storage) && parent === undefined) {
        log(
          `Formatting '${pathOf(pve, volume.volid)}', fmt=${format} size=${bytes} preallocation=${kind === 'disk' ? 'metadata' : 'off'}`,
        );
      }
      return volume;
    },
    log,
  );
}

export function allocateCloudInit(
  pve: Pve,
  wanted: Omit<Allocation, 'kind' | 'bytes'>,
  log: (line: string) => void,
): Promise<Volume> {
  return allocate(pve, { ...wanted, kind: 'cloudinit', bytes: CLOUD_INIT_BYTES }, log);
}

/** Gives a volume another name: what `template` does with a disk. */
export function renameToBase(pve: Pve, node: string, volid: string, vmid: number): string {
  const base = volid.replace(new RegExp(`vm-${vmid}-(?=[^/]*$)`), `base-${vmid}-`);
  const volume = findVolume(pve, node, volid);
  if (!volume) throw died(`volume '${volid}' does not exist`);
  removeVolume(pve, node, volid);
  addVolume(pve, nodeOf(pve, node), { ...volume, volid: base });
  return base;
}

/** Whether linked clones stand on this base volume. LVM-thin keeps no tie between a clone and its origin. */
export function isBaseInUse(pve: Pve, node: string, volid: string): boolean {
  const def = pve.cluster.storages.get(storageOf(volid));
  if (def?.type === 'lvmthin') return false;
  return [...(pve.cluster.nodes.get(node)?.volumes.values() ?? [])].some(({ parent }) => parent === volid);
}

/** Every volume whose name carries the machine's id, whether a configuration knows it or not. */
export function volumesOfGuest(pve: Pve, guest: Guest): Volume[] {
  return [...(pve.cluster.nodes.get(guest.node)?.volumes.values() ?? [])].filter(({ vmid }) => vmid === guest.vmid);
}

function nodeOf({ cluster }: Pve, name: string): Node {
  const node = cluster.nodes.get(name);
  if (!node) throw died(`no such cluster node '${name}'`);
  return node;
}

function noSpace(storage: StorageDef, vmid: number): Error {
  if (isFileStorage(storage)) return died('unable to create image: No space left on device');
  return died(`lvcreate 'pve/vm-${vmid}-disk-0' error:   Insufficient free space in volume group pve.`);
}

function freshVolid(pve: Pve, { node, storage, vmid, kind, format, parent }: Allocation): string {
  const extension = isFileStorage(storage) ? `.${format}` : '';
  const folder = isFileStorage(storage) ? `${vmid}/` : '';
  const prefix = parent === undefined || storage.type === 'lvmthin' ? '' : `${parent.slice(parent.indexOf(':') + 1)}/`;
  const volid = (name: string): string => `${storage.id}:${prefix}${folder}${name}${extension}`;
  if (kind === 'cloudinit') return volid(`vm-${vmid}-cloudinit`);
  const volumes = [...(pve.cluster.nodes.get(node)?.volumes.values() ?? [])];
  for (let index = 0; ; index++) {
    // The number is free when no volume ends in that name, a linked one's or a base's neither.
    const taken = new RegExp(`[:/](?:vm|base)-${vmid}-disk-${index}(?:\\.\\w+)?$`);
    if (!volumes.some((volume) => volume.storage === storage.id && taken.test(volume.volid))) {
      return volid(`vm-${vmid}-disk-${index}`);
    }
  }
}
