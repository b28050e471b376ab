import { type Call, died, type Pve } from '../call.ts';
import type { Guest } from '../state.ts';
import { checkLock, checkRunning, loadGuest } from './machine.ts';
import { checkBridgeRights, checkPool } from './option-rights.ts';
import { freshMac, parseNet, printNet } from './options/net.ts';
import { isDrive } from './options/options.ts';
import {
  canClone,
  type Drive,
  drivesOf,
  fileOf,
  isCdrom,
  isCloudInit,
  printDrive,
  storageDef,
  storageOf,
} from './volumes.ts';

/** What a clone will be made of. */
export interface ClonePlan {
  readonly source: Guest;
  /** In the order of the options. */
  readonly drives: readonly (readonly [name: string, drive: Drive, how: 'linked' | 'full'])[];
  readonly config: Map<string, string>;
  readonly node: string;
}

/** Everything that is refused: once before the worker begins, and again under the locks. */
export function planClone(call: Call, running: boolean): ClonePlan {
  const { pve, params } = call;
  const [node, vmid, newid] = [params.text('node'), params.int('vmid'), params.int('newid')];
  const { target, storage } = checkedTarget(call, node);
  const source = loadGuest(pve, node, vmid);
  checkLock(source);
  if (checkRunning(pve, node, vmid) !== running) throw died('unexpected state change');
  if (params.has('snapname')) throw died(`snapshot '${params.text('snapname')}' does not exist`);
  const full = params.flag('full', !source.template);
  for (const name of ['storage', 'format']) {
    if (params.has(name) && !full) throw died(`parameter '${name}' not allowed for linked clones`);
  }
  const volumes = drivesOf(source.config);
  const shared = checkCloneStorages(call, volumes, storage);
  checkBridgeRights(call, source.config);
  if (target !== undefined && !shared) throw died(`can't clone VM to node '${target}' (VM uses local storage)`);
  if (pve.cluster.guests.has(newid)) throw died(`unable to create VM ${newid}: config file already exists`);
  const drives = volumes
    .filter(([, drive]) => !isCdrom(drive) || isCloudInit(drive))
    .map(
      ([name, drive]) =>
        [name, drive, full || isCloudInit(drive) ? 'full' : linkable(pve, source, name, drive)] as const,
    );
  return { source, drives, config: inherited(call, source), node: target ?? node };
}

function checkedTarget(call: Call, node: string): { readonly target?: string; readonly storage?: string } {
  const { pve, params } = call;
  if (params.has('pool')) checkPool(call, params.text('pool'));
  const named = params.textOr('target', undefined);
  const target = named === node || named === 'localhost' ? undefined : named;
  if (target !== undefined && !pve.cluster.nodes.has(target)) throw died(`no such cluster node '${target}'`);
  const storage = params.textOr('storage', undefined);
  if (storage !== undefined) storageDef(pve, target ?? node, storage);
  return { ...(target === undefined ? {} : { target }), ...(storage === undefined ? {} : { storage }) };
}

/** Room is taken where the copy will be; returns whether every disk is on storage that all nodes share. */
function checkCloneStorages(
  call: Call,
  drives: readonly (readonly [string, Drive])[],
  storage: string | undefined,
): boolean {
  let shared = true;
  for (const [, drive] of drives) {
    const file = fileOf(drive);
    if (!file.includes(':')) continue;
    const def = storageDef(call.pve, call.params.text('node'), storageOf(file));
    if (!def.shared) shared = false;
    if (isCdrom(drive) && !isCloudInit(drive)) continue;
    call.require(`/storage/${storage ?? def.id}`, ['Datastore.AllocateSpace']);
  }
  return shared;
}

function linkable(pve: Pve, source: Guest, name: string, drive: Drive): 'linked' {
  const file = fileOf(drive);
  const isBase = /(?:^|[:/])base-\d+-disk-\d+(?:\.\w+)?$/.test(file);
  if (!isBase || !canClone(storageDef(pve, source.node, storageOf(file)))) {
    throw died(`Linked clone feature is not supported for '${file}' (${name})`);
  }
  return 'linked';
}

/** What the new machine starts with: its disks come one by one, as they are copied. */
function inherited({ pve, params }: Call, source: Guest): Map<string, string> {
  const config = new Map<string, string>();
  for (const [name, value] of source.config) {
    if (/^unused\d+$/.test(name) || isDrive(name)) continue;
    config.set(name, /^net\d+$/.test(name) ? printNet(parseNet(value).set('macaddr', freshMac(pve.random))) : value);
  }
  for (const [name, drive] of drivesOf(source.config)) {
    // A medium in the drive is not copied, only put in again.
    if (isCdrom(drive) && !isCloudInit(drive)) config.set(name, printDrive(drive));
  }
  config.set('smbios1', `uuid=${pve.random.uuid()}`);
  if (config.has('vmgenid')) config.set('vmgenid', pve.random.uuid());
  const named = source.config.get('name');
  config.set('name', params.textOr('name', named === undefined ? `Copy-of-VM-${source.vmid}` : `Copy-of-VM-${named}`));
  if (params.has('description')) config.set('description', params.text('description'));
  return config;
}
