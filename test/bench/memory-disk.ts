import { basename, dirname } from 'node:path';
import type { Disk } from '../../src/ports/disk.ts';

/** A disk that takes no time and keeps everything: what is measured on it is the program alone. */
export function memoryDisk(): Disk {
  const files = new Map<string, Uint8Array[]>();
  const chunks = (path: string): Uint8Array[] => {
    const known = files.get(path) ?? [];
    files.set(path, known);
    return known;
  };
  return {
    async ensureDirectory() {},
    async read(path) {
      const found = files.get(path);
      return found === undefined ? undefined : Buffer.concat(found);
    },
    async list(directory) {
      return [...files.keys()]
        .filter((path) => dirname(path) === directory)
        .map((path) => basename(path))
        .sort();
    },
    async openAppend(path) {
      const file = chunks(path);
      return { append: async (bytes) => void file.push(bytes), async sync() {}, async close() {} };
    },
    async replace(path, bytes) {
      files.set(path, [bytes]);
    },
    async truncate(path, length) {
      files.set(path, [Buffer.concat(chunks(path)).subarray(0, length)]);
    },
    async remove(path) {
      files.delete(path);
    },
    lock: async () => async () => {},
  };
}
