import { type Call, died, type Pve, type TaskContext } from '../call.ts';
import type { Guest, StorageDef } from '../state.ts';
import type { ClonePlan } from './clone-plan.ts';
import { copy } from './drives.ts';
import { forgetGuest, newGuest } from './guests.ts';
import { printSize } from './sizes.ts';
import {
  allocate,
  allocateCloudInit,
  type Drive,
  fileOf,
  findVolume,
  isCloudInit,
  isFileStorage,
  pathOf,
  printDrive,
  removeVolume,
  storageDef,
} from './volumes.ts';

/** Makes the machine of a plan, under the locks of both; a stop in between leaves neither machine nor volume. */
export async function clone(
  { pve, params }: Call,
  { source, drives, config, node }: ClonePlan,
  task: TaskContext,
): Promise<void> {
  const newid = params.int('newid');
  const guest = newGuest(pve, { vmid: newid, node, config, lock: 'clone', guest: structuredClone(source.guest) });
  delete guest.guest.ssh;
  const made: string[] = [];
  try {
    task.log(`creating a clone of VM ${source.vmid} with ID ${newid}`);
    for (const [name, drive, how] of drives) {
      const volid =
        how === 'full'
          ? await copyDrive(pve, guest, name, drive, { params, task, made })
          : await linkDrive(pve, guest, name, drive, { task, made });
      guest.config.set(name, printDrive(new Map(drive).set('file', volid).set('size', sizeOf(pve, node, volid))));
    }
    // Ids, name and the last writing of the file.
    await interruptible(task, pve.timings.configMs + pve.timings.linkedCloneMs / 8, 'interrupted by signal');
  } catch (error) {
    // A killed worker undoes nothing: the half machine stays, locked as `clone`.
    if (task.killed) throw error;
    for (const volid of made) removeVolume(pve, node, volid);
    forgetGuest(pve, guest);
    throw new Error(`clone failed: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
  guest.firewall = structuredClone(source.firewall);
  delete guest.lock;
  // Only now: until its end a clone is in no pool, and whoever is limited to one does not see it.
  if (params.has('pool')) guest.pool = params.text('pool');
}

interface Copying {
  readonly params: Call['params'];
  readonly task: TaskContext;
  readonly made: string[];
}

async function linkDrive(
  pve: Pve,
  guest: Guest,
  name: string,
  drive: Drive,
  { task, made }: Omit<Copying, 'params'>,
): Promise<string> {
  const { node, vmid } = guest;
  const parent = fileOf(drive);
  const base = findVolume(pve, node, parent);
  if (!base) throw died(`base volume '${parent}' does not exist`);
  const storage = storageDef(pve, node, base.storage);
  task.log(`create linked clone of drive ${name} (${parent})`);
  const log = (line: string): void => task.log(line);
  const wanted = { node, storage, vmid, kind: 'disk' as const, format: isFileStorage(storage) ? 'qcow2' : 'raw' };
  const { volid } = await allocate(pve, { ...wanted, bytes: base.sizeBytes, parent }, log);
  made.push(volid);
  task.log(
    `clone ${parent.slice(parent.indexOf(':') + 1)}: images, ${volid.slice(volid.lastIndexOf('/') + 1)}, ${vmid}`,
  );
  await interruptible(task, pve.timings.linkedCloneMs, 'interrupted by signal');
  return volid;
}

async function copyDrive(
  pve: Pve,
  guest: Guest,
  name: string,
  drive: Drive,
  { params, task, made }: Copying,
): Promise<string> {
  const { node, vmid } = guest;
  const file = fileOf(drive);
  const source = findVolume(pve, node, file);
  if (!source) throw died(`volume '${file}' does not exist`);
  const storage = storageDef(pve, node, params.textOr('storage', source.storage));
  const log = (line: string): void => task.log(line);
  task.log(`create full clone of drive ${name} (${file})`);
  const format = formatOf(storage, params.textOr('format', source.format));
  if (isCloudInit(drive)) {
    const { volid } = await allocateCloudInit(pve, { node, storage, vmid, format }, log);
    made.push(volid);
    return volid;
  }
  const base = source.parent === undefined ? undefined : findVolume(pve, node, source.parent);
  const held = (source.usedBytes ?? source.sizeBytes) + (base ? (base.usedBytes ?? base.sizeBytes) : 0);
  const wanted = { node, storage, vmid, kind: 'disk' as const, format, bytes: source.sizeBytes };
  const { volid } = await allocate(pve, { ...wanted, copied: storage.type === 'lvm' ? source.sizeBytes : held }, log);
  made.push(volid);
  task.log(`allocated target volume '${volid}'`);
  const perGb = (pve.timings.fullCloneMsPerGb * source.sizeBytes) / 2 ** 30;
  const limited = params.has('bwlimit') ? source.sizeBytes / 1024 / Math.max(1, params.int('bwlimit')) : 0;
  const command = `command '/usr/bin/qemu-img convert -p -n -f ${source.format} -O ${format} ${pathOf(pve, file)} zeroinit:${pathOf(pve, volid)}'`;
  await copy(source.sizeBytes, Math.max(perGb, limited * 1000), log, (ms) =>
    interruptible(task, ms, `copy failed: ${command} failed: interrupted by signal`),
  );
  return volid;
}

/** Waits; a stop in between ends the command that runs, and its words become the task's. */
async function interruptible(task: TaskContext, ms: number, words: string): Promise<void> {
  try {
    await task.wait(ms);
  } catch (error) {
    if (task.killed) throw error;
    throw new Error(words, { cause: error });
  }
}

function formatOf(storage: StorageDef, wanted: string): string {
  return isFileStorage(storage) ? wanted : 'raw';
}

function sizeOf(pve: Pve, node: string, volid: string): string {
  return printSize(findVolume(pve, node, volid)?.sizeBytes ?? 0);
}
