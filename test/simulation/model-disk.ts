import { basename, dirname } from 'node:path';
import type { AppendFile, Disk } from '../../src/ports/disk.ts';
import type { SeededRandom } from './seeded-random.ts';

interface ModelFile {
  bytes: Uint8Array;
  synced: number;
}

/**
 * A disk that promises no more than a real one: what was not synced is lost in a crash, or torn at any byte. It survives the
 * processes that use it; `crash` is what a power cut does to it.
 */
export class ModelDisk implements Disk {
  readonly files = new Map<string, ModelFile>();
  readonly #locks = new Set<string>();
  /** While set, every write fails with it: a full or read-only disk. */
  failure: Error | undefined;

  async ensureDirectory(): Promise<void> {}

  async read(path: string): Promise<Uint8Array | undefined> {
    return this.files.get(path)?.bytes.slice();
  }

  async list(directory: string): Promise<string[]> {
    return [...this.files.keys()]
      .filter((path) => dirname(path) === directory)
      .map((path) => basename(path))
      .sort();
  }

  async openAppend(path: string): Promise<AppendFile> {
    this.#check();
    const file = this.files.get(path) ?? { bytes: new Uint8Array(), synced: 0 };
    this.files.set(path, file);
    return {
      append: async (bytes) => {
        this.#check();
        file.bytes = Buffer.concat([file.bytes, bytes]);
      },
      sync: async () => {
        this.#check();
        file.synced = file.bytes.length;
      },
      close: async () => {},
    };
  }

  async replace(path: string, bytes: Uint8Array): Promise<void> {
    this.#check();
    this.files.set(path, { bytes: bytes.slice(), synced: bytes.length });
  }

  async truncate(path: string, length: number): Promise<void> {
    this.#check();
    const file = this.files.get(path);
    if (file === undefined) return;
    file.bytes = file.bytes.slice(0, length);
    file.synced = length;
  }

  async remove(path: string): Promise<void> {
    this.#check();
    this.files.delete(path);
  }

  async lock(path: string): Promise<(() => Promise<void>) | undefined> {
    if (this.#locks.has(path)) return undefined;
    this.#locks.add(path);
    return async () => void this.#locks.delete(path);
  }

  /** The process is gone, and its locks with it. The kernel still has what was written. */
  release(): void {
    this.#locks.clear();
  }

  /** The power is gone: of what was not synced, any prefix may have reached the disk. */
  crash(random: SeededRandom): void {
    this.release();
    for (const file of this.files.values()) {
      const loose = file.bytes.length - file.synced;
      if (loose > 0) file.bytes = file.bytes.slice(0, file.synced + random.below(loose + 1));
      file.synced = file.bytes.length;
    }
  }

  /** What a power cut at this moment would leave, while the disk itself goes on. */
  crashed(random: SeededRandom): Map<string, { bytes: Uint8Array; synced: number }> {
    const copy = new ModelDisk();
    for (const [path, { bytes, synced }] of this.files) copy.files.set(path, { bytes, synced });
    copy.crash(random);
    return copy.files;
  }

  #check(): void {
    if (this.failure !== undefined) throw this.failure;
  }
}
