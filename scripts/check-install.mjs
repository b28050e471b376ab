// Exits 0 when node_modules holds what package-lock.json asks for, 1 when it must be installed (anew).
import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = resolve(process.argv[2] ?? resolve(dirname(fileURLToPath(import.meta.url)), '..'));
const wanted = await packagesOf(resolve(root, 'package-lock.json'));
const installed = await packagesOf(resolve(root, 'node_modules/.package-lock.json'));
if (wanted === undefined) throw new Error('package-lock.json is missing: this is no complete checkout');

const stale = Object.entries(wanted).find(
  // Optional packages are for other machines too: npm leaves those out.
  ([path, entry]) =>
    path !== '' && installed?.[path]?.version !== entry.version && !(entry.optional && !installed?.[path]),
);
if (installed === undefined) console.log('nothing is installed');
else if (stale !== undefined) console.log(`${stale[0]} is not the one of package-lock.json`);
process.exitCode = installed === undefined || stale !== undefined ? 1 : 0;

async function packagesOf(file) {
  try {
    return JSON.parse(await readFile(file, 'utf8')).packages;
  } catch (error) {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  }
}
