import { createHash } from 'node:crypto';
import { ModelDisk } from '../../test/simulation/model-disk.ts';
import { VirtualTime } from '../../test/simulation/virtual-time.ts';
import { apply } from '../lifecycle/apply.ts';
import { admission, NOW } from '../lifecycle/fixtures.ts';
import type { ContractEvent, ContractRecord } from '../lifecycle/record.ts';
import type { AppendFile, Disk, Release } from '../ports/disk.ts';
import type { ContractId } from '../ports/ids.ts';
import { silentLog } from '../ports/log.ts';
import { type Ledger, type LedgerOptions, openLedger } from './ledger.ts';

export const DIRECTORY = '/state';

export function contract(number: number): ContractId {
  return createHash('sha256').update(`contract ${number}`).digest('hex') as ContractId;
}

export interface Entry {
  readonly contract: ContractId;
  readonly event: ContractEvent;
}

export function entries(of: ContractId, ...events: readonly ContractEvent[]): Entry[] {
  return [admission(), ...events].map((event) => ({ contract: of, event }));
}

/** What a ledger must hold after these entries. */
export function fold(list: readonly Entry[], at = NOW): Map<ContractId, ContractRecord> {
  const records = new Map<ContractId, ContractRecord>();
  for (const one of list) {
    const next = apply(records.get(one.contract), one.contract, one.event, at);
    if (next === undefined) throw new Error(`${one.event.type} cannot follow`);
    records.set(one.contract, next);
  }
  return records;
}

export function openOn(disk: Disk, more: Partial<LedgerOptions> = {}): Promise<Ledger> {
  return openLedger({ disk, directory: DIRECTORY, clock: new VirtualTime(NOW), log: silentLog, ...more });
}

/** A disk with a ledger of these entries, closed in good order. */
export async function diskWith(list: readonly Entry[]): Promise<ModelDisk> {
  const disk = new ModelDisk();
  const ledger = await openOn(disk);
  await write(ledger, list);
  await ledger.close();
  return disk;
}

export async function write(ledger: Ledger, list: readonly Entry[]): Promise<void> {
  for (const one of list) await ledger.append(one.contract, one.event);
}

export function journals(disk: ModelDisk): string[] {
  return [...disk.files.keys()].filter((path) => path.includes('journal-')).sort();
}

export function bytesOf(disk: ModelDisk, path: string): Buffer {
  return Buffer.from(disk.files.get(path)?.bytes ?? new Uint8Array());
}

export function put(disk: ModelDisk, path: string, bytes: Uint8Array | string): void {
  const content = Buffer.from(bytes);
  disk.files.set(path, { bytes: content, synced: content.length });
}

/** Hands every call of a disk, and of the files that it opens, to `around`, which may hold it up, refuse it, or never answer. */
export function watched(
  inner: Disk,
  around: <T>(name: string, path: string, call: () => Promise<T>) => Promise<T>,
): Disk {
  return {
    ensureDirectory: (path) => around('ensureDirectory', path, () => inner.ensureDirectory(path)),
    read: (path) => around('read', path, () => inner.read(path)),
    list: (path) => around('list', path, () => inner.list(path)),
    replace: (path, bytes) => around('replace', path, () => inner.replace(path, bytes)),
    truncate: (path, length) => around('truncate', path, () => inner.truncate(path, length)),
    remove: (path) => around('remove', path, () => inner.remove(path)),
    lock: (path): Promise<Release | undefined> => around('lock', path, () => inner.lock(path)),
    openAppend: (path) =>
      around('openAppend', path, async (): Promise<AppendFile> => {
        const file = await inner.openAppend(path);
        return {
          append: (bytes) => around('append', path, () => file.append(bytes)),
          sync: () => around('sync', path, () => file.sync()),
          close: () => around('close', path, () => file.close()),
        };
      }),
  };
}
