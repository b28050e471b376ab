// Fails when a package in the lockfile does not admit the oldest Node that package.json promises.
//
// npm looks only at the Node that happens to install; a package may be resolved on Node 24 that no longer runs on ours.
import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { minVersion, satisfies } from 'semver';

const root = resolve(process.argv[2] ?? resolve(dirname(fileURLToPath(import.meta.url)), '..'));
const { engines } = JSON.parse(await readFile(resolve(root, 'package.json'), 'utf8'));
const { packages } = JSON.parse(await readFile(resolve(root, 'package-lock.json'), 'utf8'));

const floor = minVersion(engines.node).version;
const refusing = Object.entries(packages)
  // The lockfile lists other machines' binaries too; the range is what counts, so they are held to it as well.
  .filter(([path, { engines: wants }]) => path !== '' && wants?.node && !satisfies(floor, wants.node))
  .map(
    ([path, { version, engines: wants }]) => `${path.replace(/^.*node_modules\//, '')} ${version} wants ${wants.node}`,
  );

for (const line of refusing) console.error(line);
if (refusing.length > 0) console.error(`${refusing.length} packages do not admit Node ${floor}`);
process.exitCode = refusing.length === 0 ? 0 : 1;
