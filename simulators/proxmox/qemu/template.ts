import { type Call, died, type Endpoint, type TaskContext } from '../call.ts';
import type { Guest } from '../state.ts';
import { DISK_NAMES } from './disk-names.ts';
import { CONFIG_LOCK_MS, checkLock, guestOf, lockOf, VM_PATH } from './machine.ts';
import { canClone, drivesOf, fileOf, isCdrom, printDrive, renameToBase, storageDef, storageOf } from './volumes.ts';

/** POST template: for good; the disks become base volumes. */
export const templateEndpoint: Endpoint = {
  method: 'POST',
  path: '/nodes/{node}/qemu/{vmid}/template',
  params: { ...VM_PATH, disk: { type: 'string', optional: true, enum: DISK_NAMES } },
  permission: ['perm', '/vms/{vmid}', ['VM.Allocate']],
  protected: true,
  handle(call) {
    const { pve, params, caller } = call;
    const { vmid, node } = convertible(call);
    return pve.task({
      node,
      type: 'qmtemplate',
      id: String(vmid),
      caller,
      run: (task) =>
        pve.locked(
          lockOf(vmid),
          'exclusive',
          CONFIG_LOCK_MS,
          () => convert(call, convertible(call), params.textOr('disk', undefined), task),
          (line) => task.log(line),
        ),
    });
  },
};

function convertible(call: Call): Guest {
  const guest = guestOf(call);
  checkLock(guest);
  if (guest.template && !call.params.has('disk')) throw died(`you can't convert a template to a template`);
  if (guest.status === 'running') throw died(`you can't convert a VM to template if VM is running`);
  return guest;
}

async function convert({ pve }: Call, guest: Guest, only: string | undefined, task: TaskContext): Promise<void> {
  await task.wait(pve.timings.configMs);
  guest.template = true;
  for (const [name, drive] of drivesOf(guest.config)) {
    const file = fileOf(drive);
    if (isCdrom(drive) || (only !== undefined && only !== name) || !file.includes(`vm-${guest.vmid}-`)) continue;
    if (!canClone(storageDef(pve, guest.node, storageOf(file)))) continue;
    guest.config.set(name, printDrive(drive.set('file', renameToBase(pve, guest.node, file, guest.vmid))));
  }
}
