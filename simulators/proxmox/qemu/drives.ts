import { died, type Pve } from '../call.ts';
import type { Guest, Volume } from '../state.ts';
import { NEW_DISK } from './option-rights.ts';
import { parseSize, printSize, spokenSize } from './sizes.ts';
import {
  allocate,
  allocateCloudInit,
  type Drive,
  fileOf,
  findVolume,
  isCdrom,
  isFileStorage,
  parseDrive,
  pathOf,
  printDrive,
  storageDef,
  storageOf,
} from './volumes.ts';

/** How a copy goes on: `ms` passes under the task's eyes. */
export type Wait = (ms: number) => Promise<void>;

/**
 * Makes the volumes that drives ask for (`STORE:32`, `STORE:0,import-from=…`, `STORE:cloudinit`) and returns the drives as
 * they are stored. What was made before a failure is `made`'s to undo: it hears of every volume at once.
 */
export async function makeDrives(
  pve: Pve,
  guest: Guest,
  drives: ReadonlyMap<string, string>,
  log: (line: string) => void,
  how: { readonly wait?: Wait; readonly made?: (volid: string) => void; readonly storage?: string } = {},
): Promise<Map<string, string>> {
  const result = new Map<string, string>();
  const { wait, made = () => {}, storage } = how;
  for (const [name, text] of [...drives].toSorted(([a], [b]) => (a < b ? -1 : 1))) {
    const drive = parseDrive(text);
    const volid = await makeDrive(pve, guest, name, drive, { log, made, ...(wait ? { wait } : {}), storage });
    drive.set('file', volid);
    result.set(name, printDrive(drive));
  }
  return result;
}

interface Making {
  readonly log: (line: string) => void;
  readonly made: (volid: string) => void;
  readonly wait?: Wait;
  readonly storage: string | undefined;
}

async function makeDrive(pve: Pve, guest: Guest, name: string, drive: Drive, making: Making): Promise<string> {
  const file = fileOf(drive);
  const { node, vmid } = guest;
  const { log, made } = making;
  if (file.endsWith(':cloudinit')) {
    const storage = storageDef(pve, node, storageOf(file));
    const format = drive.get('format') ?? (isFileStorage(storage) ? 'qcow2' : 'raw');
    const { volid } = await allocateCloudInit(pve, { node, storage, vmid, format }, log);
    made(volid);
    drive.set('media', 'cdrom');
    drive.delete('format');
    log(`${name}: successfully created disk '${volid},media=cdrom'`);
    return volid;
  }
  const [, storageId = making.storage, size] = NEW_DISK.exec(file) ?? [];
  if (size === undefined || isCdrom(drive)) return existing(pve, guest, drive);
  if (storageId === undefined) throw died('no storage ID specified (and no default storage)');
  const storage = storageDef(pve, node, storageId);
  const source = drive.get('import-from');
  const wanted = drive.get('format');
  drive.delete('format');
  drive.delete('import-from');
  const image = source === undefined ? undefined : imported(pve, guest, source);
  const bytes = image?.sizeBytes ?? parseSize(`${size}G`);
  const format = isFileStorage(storage) ? (wanted ?? image?.format ?? 'raw') : 'raw';
  if (image) log(`create full clone of drive (${source})`);
  const volume = await allocate(
    pve,
    {
      node,
      storage,
      vmid,
      kind: 'disk',
      format,
      bytes,
      ...(image ? { copied: image.usedBytes ?? image.sizeBytes } : {}),
    },
    log,
  );
  made(volume.volid);
  if (image) {
    log(`allocated target volume '${volume.volid}'`);
    await copy(bytes, Math.round((pve.timings.importMsPerGb * bytes) / 2 ** 30), log, making.wait);
    guest.guest.acpi = boots(image.contents);
    guest.guest.agent = boots(image.contents) && hasAgent(image.contents);
  }
  drive.set('size', printSize(bytes));
  const stored = new Map(drive).set('file', volume.volid);
  log(`${name}: successfully created disk '${printDrive(stored)}'`);
  return volume.volid;
}

/** Copies under the eyes of a task, with a line for every percent as `qemu-img convert -p` has it. */
export async function copy(bytes: number, ms: number, log: (line: string) => void, wait?: Wait): Promise<void> {
  for (let percent = 0; percent <= 100; percent++) {
    const part = Math.round((bytes * percent) / 100);
    log(`transferred ${spokenSize(part)} of ${spokenSize(bytes)} (${percent.toFixed(2)}%)`);
    if (percent < 100 && ms > 0) await wait?.(ms / 100);
  }
}

/** A web page that was downloaded as an image boots nothing. */
function boots(contents: string | undefined): boolean {
  return contents === undefined || !/^(?:page|html|garbage|nothing)/.test(contents);
}

/** Vendors' cloud images come without the guest agent: an image that is said to be something has it when that is said too. */
function hasAgent(contents: string | undefined): boolean {
  return contents === undefined || contents.includes('agent');
}

function existing(pve: Pve, { node }: Guest, drive: Drive): string {
  const file = fileOf(drive);
  if (file === 'none' || file === 'cdrom' || file.startsWith('/')) return file;
  storageDef(pve, node, storageOf(file));
  const volume = findVolume(pve, node, file);
  if (!volume) throw died(`volume '${file}' does not exist`);
  if (!isCdrom(drive) && !drive.has('size')) drive.set('size', printSize(volume.sizeBytes));
  return file;
}

function imported(pve: Pve, { node }: Guest, source: string): Volume {
  const volume = findVolume(pve, node, source);
  if (!volume) throw died(`failed to stat '${pathOf(pve, source)}'`);
  return volume;
}
