import { badParameters, type Call, died, forbidden } from '../call.ts';
import { isRootLogin } from './machine.ts';
import { parseNet } from './options/net.ts';
import { classOf, isDrive } from './options/options.ts';
import { fileOf, imageStorage, isCdrom, ownerOf, parseDrive, storageDef, storageOf } from './volumes.ts';

const RIGHT_OF: Readonly<Record<string, readonly string[]>> = {
  cpu: ['VM.Config.CPU'],
  memory: ['VM.Config.Memory'],
  hwtype: ['VM.Config.HWType'],
  general: ['VM.Config.Options'],
  tags: ['VM.Config.Options'],
  power: ['VM.PowerMgmt'],
  disk: ['VM.Config.Disk'],
  network: ['VM.Config.Network'],
  cloudinit: ['VM.Config.Cloudinit', 'VM.Config.Network'],
};

/** `STORE:32`, or `32` on the default storage: a disk that is to be made. */
export const NEW_DISK = /^(?:([^/:\s]+):)?(\d+(?:\.\d+)?)$/;

/** Rights on the machine itself, or on the pool that it is being made in. */
export interface Place {
  readonly vmid: number;
  readonly pool?: string;
}

/** Refuses options that the caller may not set or delete, in the order in which a host looks at them. */
export function checkOptionRights(call: Call, place: Place, names: readonly string[]): void {
  if (isRootLogin(call.caller)) return;
  for (const name of names) {
    const kind = classOf(name);
    if (kind === 'drive' || kind === 'device') continue;
    if (kind === 'root') throw died(`only root can set '${name}' config`);
    requireOn(call, place, RIGHT_OF[kind] ?? []);
    if (name === 'startup') call.require('/', ['Sys.Modify']);
  }
}

/** A serial port on a socket is hardware like any other; real devices of the host are root's. */
export function checkDeviceRights(call: Call, place: Place, values: Iterable<readonly [string, string]>): void {
  if (isRootLogin(call.caller)) return;
  for (const [name, value] of values) {
    if (classOf(name) !== 'device') continue;
    const harmless = name.startsWith('serial') ? value === 'socket' : /^spice|^mapping=/.test(value);
    if (!harmless) throw died(`only root can set '${name}' config for real devices`);
    requireOn(call, place, ['VM.Config.HWType']);
  }
}

/** Storages, volumes of others and images that drives would take. */
export function checkStorageRights(call: Call, place: Place, values: Iterable<readonly [string, string]>): void {
  const { pve, params } = call;
  const node = params.text('node');
  for (const [name, text] of values) {
    if (!isDrive(name)) continue;
    const drive = parseDrive(text);
    const file = fileOf(drive);
    const [, storage = params.textOr('storage', undefined), size] = NEW_DISK.exec(file) ?? [];
    if (file === 'none' || file === 'cloudinit' || file.endsWith(':cloudinit')) {
      if (file.includes(':')) storageDef(pve, node, storageOf(file));
    } else if (isCdrom(drive) && file === 'cdrom') {
      call.require('/', ['Sys.Console']);
    } else if (size !== undefined && !isCdrom(drive)) {
      if (storage === undefined) throw died('no storage ID specified (and no default storage)');
      call.require(`/storage/${storage}`, ['Datastore.AllocateSpace']);
      imageStorage(pve, node, storage);
    } else {
      checkVolume(call, place.vmid, file);
    }
    const source = drive.get('import-from');
    if (source !== undefined) checkImport(call, name, source);
  }
}

/** A bridge may be used by whoever has SDN.Use on it, or on the zone `localnetwork`. */
export function checkBridgeRights(call: Call, values: Iterable<readonly [string, string]>): void {
  for (const [name, text] of values) {
    if (!/^net\d+$/.test(name)) continue;
    const net = parseNet(text);
    const bridge = net.get('bridge');
    if (bridge === undefined) continue;
    const tag = net.get('tag');
    call.require(`/sdn/zones/localnetwork/${bridge}${tag === undefined ? '' : `/${tag}`}`, ['SDN.Use']);
  }
}

/** Like `Call.require` on the machine; a pool that the machine will be in gives its rights already. */
export function requireOn(call: Call, { vmid, pool }: Place, privileges: readonly string[]): void {
  if (pool !== undefined && privileges.some((privilege) => call.may(`/pool/${pool}`, privilege))) return;
  call.require(`/vms/${vmid}`, privileges, privileges.length > 1 ? 'any' : undefined);
}

function checkImport(call: Call, drive: string, source: string): void {
  if (!source.includes(':')) return checkPath(call);
  const name = source.slice(source.indexOf(':') + 1);
  const def = storageDef(call.pve, call.params.text('node'), storageOf(source));
  const kind = kindOf(name);
  if (kind === undefined) throw died(`unable to parse directory volume name '${name}'`);
  if (kind !== 'images' && kind !== 'import') {
    const text = `import-from: '${source}' has wrong type '${kind}' - needs to be 'images' or 'import'`;
    throw badParameters({ [drive]: text });
  }
  const owner = ownerOf(source);
  if (owner !== undefined) call.require(`/vms/${owner}`, ['VM.Clone']);
  else if (!call.may(`/storage/${def.id}`, 'Datastore.Allocate')) requireRead(call, def.id);
}

function checkVolume(call: Call, vmid: number, volid: string): void {
  if (!volid.includes(':')) return checkPath(call);
  const storage = storageOf(volid);
  storageDef(call.pve, call.params.text('node'), storage);
  if (call.may(`/storage/${storage}`, 'Datastore.Allocate')) return;
  const owner = ownerOf(volid);
  if (owner === undefined) return requireRead(call, storage);
  if (owner === vmid) return;
  call.require(`/storage/${storage}`, ['Datastore.Audit']);
  call.require(`/vms/${owner}`, ['VM.Config.Disk']);
}

function requireRead(call: Call, storage: string): void {
  call.require(`/storage/${storage}`, ['Datastore.AllocateSpace', 'Datastore.Audit'], 'any');
}

function checkPath(call: Call): void {
  if (!isRootLogin(call.caller)) throw died('Only root can pass arbitrary filesystem paths.');
}

/** What a volume's name says it is; undefined when no storage of files would have that name. */
function kindOf(name: string): string | undefined {
  if (/^import\/[^/]+\.(?:qcow2|raw|vmdk|ova)$/.test(name)) return 'import';
  if (/^iso\/[^/]+\.(?:iso|img)$/i.test(name)) return 'iso';
  if (name.startsWith('vztmpl/')) return 'vztmpl';
  if (name.startsWith('snippets/')) return 'snippets';
  if (name.startsWith('backup/')) return 'backup';
  return /(?:^|\/)(?:vm|base)-\d+-/.test(name) ? 'images' : undefined;
}

/** A pool that must exist, whoever asks; otherwise the text that a host has for it. */
export function checkPool(call: Call, pool: string): void {
  if (!call.pve.cluster.pools.has(pool)) throw forbidden(`pool '${pool}' does not exist`);
}
