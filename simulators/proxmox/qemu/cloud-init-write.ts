import type { Endpoint } from '../call.ts';
import { writeCloudInitDrive } from './cloud-init.ts';
import { CONFIG_LOCK_MS, checkLock, guestOf, lockOf, VM_PATH } from './machine.ts';

/** PUT cloudinit: writes the drive anew at once; the guest reads it at its next boot. */
export const cloudInitWriteEndpoint: Endpoint = {
  method: 'PUT',
  path: '/nodes/{node}/qemu/{vmid}/cloudinit',
  params: VM_PATH,
  permission: ['perm', '/vms/{vmid}', ['VM.Config.Cloudinit']],
  protected: true,
  handle(call) {
    const { pve, params } = call;
    return pve.locked(lockOf(params.int('vmid')), 'exclusive', CONFIG_LOCK_MS, () => {
      const guest = guestOf(call);
      checkLock(guest);
      writeCloudInitDrive(guest);
      return null;
    });
  },
};
