import { type Call, died, type Endpoint, forbidden, type Pve, type TaskContext } from '../call.ts';
import type { Guest } from '../state.ts';
import { makeDrives } from './drives.ts';
import { forgetGuest, newGuest } from './guests.ts';
import { CONFIG_LOCK_MS, lockOf, VM_PATH } from './machine.ts';
import { normalisedOptions } from './normalise.ts';
import {
  checkBridgeRights,
  checkDeviceRights,
  checkOptionRights,
  checkPool,
  checkStorageRights,
  type Place,
} from './option-rights.ts';
import { isDrive, OPTION_RULES } from './options/options.ts';
import { startTask } from './power-tasks.ts';
import { drivesOf, isCdrom, removeVolume } from './volumes.ts';

/** POST /nodes/{node}/qemu: a new machine, with disks made by size or imported from an image. */
export const createEndpoint: Endpoint = {
  method: 'POST',
  path: '/nodes/{node}/qemu',
  params: {
    ...OPTION_RULES,
    ...VM_PATH,
    archive: { type: 'string', optional: true, maxLength: 255 },
    bwlimit: { type: 'integer', optional: true, minimum: 0 },
    force: { type: 'boolean', optional: true, requires: 'archive' },
    'ha-managed': { type: 'boolean', optional: true, only: '9.1' },
    'import-working-storage': { type: 'string', optional: true, format: 'pve-storage-id' },
    'live-restore': { type: 'boolean', optional: true },
    pool: { type: 'string', optional: true, format: 'pve-poolid' },
    start: { type: 'boolean', optional: true },
    storage: { type: 'string', optional: true, format: 'pve-storage-id' },
    unique: { type: 'boolean', optional: true, requires: 'archive' },
  },
  permission: 'all',
  protected: true,
  handle(call) {
    const { pve, params, caller } = call;
    if (params.has('archive')) throw died('the simulator restores no backups');
    const [node, vmid] = [params.text('node'), params.int('vmid')];
    const options = normalisedOptions(call);
    const place = checkedPlace(call, vmid);
    checkStorageRights(call, place, options);
    checkOptionRights(call, place, [...options.keys()]);
    checkDeviceRights(call, place, options);
    checkBridgeRights(call, options);
    if (pve.cluster.guests.has(vmid)) {
      const owner = pve.cluster.guests.get(vmid)?.node ?? node;
      throw died(`unable to create VM ${vmid} - VM ${vmid} already exists on node '${owner}'`);
    }
    // The id is taken from here on, before the worker begins.
    const guest = newGuest(pve, { vmid, node, config: new Map(), lock: 'create' });
    return pve.task({
      node,
      type: 'qmcreate',
      id: String(vmid),
      caller,
      run: (task) =>
        pve.locked(
          lockOf(vmid),
          'exclusive',
          CONFIG_LOCK_MS,
          () => build(call, guest, options, place.pool, task),
          (line) => task.log(line),
        ),
    });
  },
};

function checkedPlace(call: Call, vmid: number): Place {
  const pool = call.params.textOr('pool', undefined);
  if (pool !== undefined) checkPool(call, pool);
  if (call.may(`/vms/${vmid}`, 'VM.Allocate')) return { vmid, ...(pool === undefined ? {} : { pool }) };
  if (pool === undefined || !call.may(`/pool/${pool}`, 'VM.Allocate')) throw forbidden();
  return { vmid, pool };
}

async function build(
  { pve, params, caller }: Call,
  guest: Guest,
  options: ReadonlyMap<string, string>,
  pool: string | undefined,
  task: TaskContext,
): Promise<void> {
  const made: string[] = [];
  try {
    const drives = new Map([...options].filter(([name]) => isDrive(name)));
    const volumes = await makeDrives(pve, guest, drives, (line) => task.log(line), {
      wait: (ms) => task.wait(ms),
      made: (volid) => made.push(volid),
      ...(params.has('storage') ? { storage: params.text('storage') } : {}),
    });
    for (const [name, value] of [...options, ...volumes]) guest.config.set(name, value);
    guest.config.delete('template');
    setDefaults(pve, guest);
    guest.template = options.get('template') === '1';
  } catch (error) {
    // A killed worker undoes nothing: the id stays taken, locked as `create`.
    if (task.killed) throw error;
    for (const volid of made) removeVolume(pve, guest.node, volid);
    forgetGuest(pve, guest);
    throw new Error(`unable to create VM ${guest.vmid} - ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  }
  delete guest.lock;
  if (pool !== undefined) guest.pool = pool;
  if (params.flag('start')) startTask(pve, guest.node, guest.vmid, caller);
}

function setDefaults(pve: Pve, { config }: Guest): void {
  const qemu = pve.personality === '9.1' ? '10.1.2' : '9.2.0';
  config.set('meta', `creation-qemu=${qemu},ctime=${Math.floor(pve.clock.now() / 1000)}`);
  if (!config.has('smbios1')) config.set('smbios1', `uuid=${pve.random.uuid()}`);
  if (!config.has('vmgenid')) config.set('vmgenid', pve.random.uuid());
  if (!config.has('boot')) config.set('boot', `order=${bootable(config).join(';')}`);
}

/** The first disk, the first medium and the first network card, as PVE orders them by default. */
function bootable(config: ReadonlyMap<string, string>): string[] {
  const drives = drivesOf(config).filter(([name]) => !/^(?:efidisk|tpmstate)0$/.test(name));
  const disk = drives.find(([, drive]) => !isCdrom(drive))?.[0];
  const medium = drives.find(([, drive]) => isCdrom(drive))?.[0];
  const net = [...config.keys()].filter((name) => /^net\d+$/.test(name)).toSorted()[0];
  return [disk, medium, net].filter((name) => name !== undefined);
}
