import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const ROOT = join(import.meta.dirname, '../..');

/** A plugins directory as `npm install --prefix` leaves it: this package, zod, and the worked example. */
export interface Prefix {
  readonly directory: string;
  /** Where a package is, or would be. */
  home(name: string): string;
  /** A package of one file. */
  add(name: string, manifest: object, files: Readonly<Record<string, string>>): Promise<void>;
  remove(): Promise<void>;
}

export async function preparePrefix(): Promise<Prefix> {
  const directory = await realpath(await mkdtemp(join(tmpdir(), 'dc-plugins-')));
  const home = (name: string): string => join(directory, 'node_modules', name);
  await mkdir(home('dc-agent'), { recursive: true });
  const build = [join(ROOT, 'scripts/build.mjs'), '--kit', join(home('dc-agent'), 'dist/provisioner')];
  await promisify(execFile)(process.execPath, build);
  await cp(join(ROOT, 'package.json'), join(home('dc-agent'), 'package.json'));
  await cp(join(ROOT, 'node_modules/zod'), home('zod'), { recursive: true });
  await cp(join(ROOT, 'examples/plugin'), home('dc-agent-plugin-shelf'), { recursive: true });
  await closed(directory);
  return {
    directory,
    home,
    async add(name, manifest, files) {
      await mkdir(home(name), { recursive: true });
      await writeFile(join(home(name), 'package.json'), JSON.stringify({ name, ...manifest }));
      for (const [file, text] of Object.entries(files)) await writeFile(join(home(name), file), text);
      await closed(home(name));
    },
    remove: () => rm(directory, { recursive: true, force: true }),
  };
}

/** A checkout may have the modes of whoever made it. */
async function closed(path: string): Promise<void> {
  await promisify(execFile)('chmod', ['-R', 'go-w', path]);
}
