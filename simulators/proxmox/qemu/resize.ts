import { type Call, died, type Endpoint, type TaskContext } from '../call.ts';
import { DISK_NAMES } from './disk-names.ts';
import { CONFIG_LOCK_MS, checkDigest, checkLock, guestOf, lockOf, rootOnly, VM_PATH } from './machine.ts';
import { parseSize, printSize } from './sizes.ts';
import {
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

/** PUT resize: absolute or `+`; only ever larger, and the same size is no work. */
export const resizeEndpoint: Endpoint = {
  method: 'PUT',
  path: '/nodes/{node}/qemu/{vmid}/resize',
  params: {
    ...VM_PATH,
    disk: { type: 'string', enum: DISK_NAMES },
    size: { type: 'string', pattern: /\+?\d+(\.\d+)?[KMGT]?/ },
    digest: { type: 'string', optional: true, maxLength: 40 },
    skiplock: { type: 'boolean', optional: true },
  },
  permission: ['perm', '/vms/{vmid}', ['VM.Config.Disk']],
  protected: true,
  handle(call) {
    const { pve, caller } = call;
    rootOnly(call, 'skiplock');
    const { vmid, node } = guestOf(call);
    return pve.task({
      node,
      type: 'resize',
      id: String(vmid),
      caller,
      run: (task) =>
        pve.locked(
          lockOf(vmid),
          'exclusive',
          CONFIG_LOCK_MS,
          () => resize(call, task),
          (line) => task.log(line),
        ),
    });
  },
};

async function resize(call: Call, task: TaskContext): Promise<void> {
  const { pve, params } = call;
  const guest = guestOf(call);
  checkDigest(guest, params.textOr('digest', undefined));
  if (!params.flag('skiplock')) checkLock(guest);
  const disk = params.text('disk');
  const text = guest.config.get(disk);
  if (text === undefined) throw died(`disk '${disk}' does not exist`);
  const drive = parseDrive(text);
  const volid = fileOf(drive);
  if (!volid.includes(':')) throw died(`disk '${disk}' has no associated volume`);
  if (isCdrom(drive)) throw died(`you can't resize a cdrom`);
  call.require(`/storage/${storageOf(volid)}`, ['Datastore.AllocateSpace']);
  const storage = storageDef(pve, guest.node, storageOf(volid));
  const volume = findVolume(pve, guest.node, volid);
  if (!volume) throw died(`could not determine current size of volume '${volid}'`);
  const size = params.text('size');
  const bytes = size.startsWith('+') ? volume.sizeBytes + parseSize(size.slice(1)) : parseSize(size);
  if (bytes < volume.sizeBytes) throw died('shrinking disks is not supported');
  if (bytes === volume.sizeBytes) return;
  if (guest.template && isFileStorage(storage)) {
    // The file of a base volume is immutable.
    const how = pve.personality === '9.1' ? ` '--preallocation=metadata'` : '';
    throw died(
      `command '/usr/bin/qemu-img resize${how} -f ${volume.format} ${pathOf(pve, volid)} ${bytes}' failed: exit code 1`,
    );
  }
  await task.wait(pve.timings.resizeMs);
  volume.sizeBytes = bytes;
  if (guest.status !== 'running') task.log('Image resized.');
  const resized = printDrive(drive.set('size', printSize(bytes)));
  guest.config.set(disk, resized);
  guest.started?.set(disk, resized);
}
