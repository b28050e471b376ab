import { type Call, died, type Endpoint, type TaskContext } from '../call.ts';
import type { Guest } from '../state.ts';
import { driverOf } from './driver.ts';
import { forgetGuest } from './guests.ts';
import { CONFIG_LOCK_MS, checkLock, guestOf, lockOf, rootOnly, VM_PATH } from './machine.ts';
import {
  drivesOf,
  fileOf,
  isBaseInUse,
  isCdrom,
  isCloudInit,
  ownerOf,
  removeVolume,
  volumesOfGuest,
} from './volumes.ts';

/** DELETE: the machine, its disks, its place in pools and ACLs. It never stops one that runs. */
export const destroyEndpoint: Endpoint = {
  method: 'DELETE',
  path: '/nodes/{node}/qemu/{vmid}',
  params: {
    ...VM_PATH,
    'destroy-unreferenced-disks': { type: 'boolean', optional: true },
    purge: { type: 'boolean', optional: true },
    skiplock: { type: 'boolean', optional: true },
  },
  permission: ['perm', '/vms/{vmid}', ['VM.Allocate']],
  protected: true,
  handle(call) {
    const { pve, params, caller } = call;
    rootOnly(call, 'skiplock');
    const { vmid, node } = removable(call);
    return pve.task({
      node,
      type: 'qmdestroy',
      id: String(vmid),
      caller,
      run: (task) =>
        pve.locked(
          lockOf(vmid),
          'exclusive',
          CONFIG_LOCK_MS,
          () => destroy(call, removable(call), task, params.flag('destroy-unreferenced-disks')),
          (line) => task.log(line),
        ),
    });
  },
};

function removable(call: Call): Guest {
  const guest = guestOf(call);
  if (guest.config.get('protection') === '1') throw died(`can't remove VM ${guest.vmid} - protection mode enabled`);
  if (guest.status === 'running') throw died(`VM ${guest.vmid} is running - destroy failed`);
  return guest;
}

async function destroy({ pve, params }: Call, guest: Guest, task: TaskContext, unreferenced: boolean): Promise<void> {
  if (!params.flag('skiplock')) checkLock(guest);
  const files = drivesOf(guest.config)
    .filter(([, drive]) => !isCdrom(drive) || isCloudInit(drive))
    .map(([, drive]) => fileOf(drive));
  for (const file of guest.template ? files : []) {
    if (isBaseInUse(pve, guest.node, file)) throw died(`base volume '${file}' is still in use by linked cloned`);
  }
  // The configuration stays to the end, marked, so that nobody takes the id while disks of it remain.
  guest.lock = 'destroyed';
  await task.wait(pve.timings.destroyMs);
  const unused = [...guest.config].filter(([name]) => /^unused\d+$/.test(name)).map(([, volid]) => volid);
  const orphans = unreferenced ? volumesOfGuest(pve, guest).map(({ volid }) => volid) : [];
  for (const volid of [...files, ...unused, ...orphans]) {
    // A volume of another machine's that was put in is left alone.
    if (ownerOf(volid) === guest.vmid) removeVolume(pve, guest.node, volid);
  }
  const { acl } = pve.cluster;
  acl.splice(0, acl.length, ...acl.filter(({ path }) => path !== `/vms/${guest.vmid}`));
  delete guest.pool;
  if (params.flag('purge')) task.log(`purging VM ${guest.vmid} from related configurations..`);
  forgetGuest(pve, guest);
  await driverOf(pve).destroyed(guest);
}
