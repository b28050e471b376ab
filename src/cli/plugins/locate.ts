import { readFile, realpath, stat } from 'node:fs/promises';
import { dirname, isAbsolute, join, sep } from 'node:path';
import { z } from 'zod';
import { PluginRefusal } from './refusal.ts';

const PACKAGE_NAME = /^(?:@[a-z0-9~-][a-z0-9._~-]*\/)?[a-z0-9~-][a-z0-9._~-]*$/;

/**
 * The folder out of which a plugin may load code, without links in its path: the whole plugins directory for `npm:`, where packages
 * share what they depend on, and the file's own folder for `file:`. Throws PluginRefusal.
 */
export async function folderOf(type: string, directory: string): Promise<string> {
  const name = after('npm:', type);
  if (name !== undefined) {
    if (!PACKAGE_NAME.test(name))
      throw new PluginRefusal('is no name of a package; expected npm:name or npm:@scope/name');
    const there = await real(directory);
    if (there !== undefined) return there;
    throw new PluginRefusal(`cannot be found: there is no directory ${directory}; ${howToInstall(directory, name)}`);
  }
  return dirname(await fileOf(type));
}

/** The file to import. The folder must have been found safe: its manifest is believed. Throws PluginRefusal. */
export async function entryOf(type: string, folder: string): Promise<string> {
  const name = after('npm:', type);
  if (name === undefined) return fileOf(type);
  const home = join(folder, 'node_modules', name);
  const text = await readFile(join(home, 'package.json'), 'utf8').catch((error: unknown) => {
    if (isAbsent(error)) throw new PluginRefusal(`is not installed; ${howToInstall(folder, name)}`);
    throw error;
  });
  const entry = await real(join(home, entryOfManifest(text)));
  if (entry?.startsWith(folder + sep)) return entry;
  throw new PluginRefusal(`has no entry point in ${home}; the "exports" or "main" of its package.json leads nowhere`);
}

async function fileOf(type: string): Promise<string> {
  const path = after('file:', type);
  if (path === undefined || !isAbsolute(path) || path.includes('\0')) {
    throw new PluginRefusal('names no plugin; expected file:/absolute/path/to/plugin.mjs or npm:package');
  }
  const file = await real(path);
  if (file === undefined) throw new PluginRefusal(`cannot be found: there is no file ${path}`);
  if (!(await stat(file)).isFile()) throw new PluginRefusal(`must name a file, and ${path} is none`);
  return file;
}

function howToInstall(directory: string, name: string): string {
  return `packages are installed by hand: npm install --ignore-scripts --prefix ${directory} ${name}`;
}

/** Only what Node itself would choose for `import 'name'`: conditions in the order in which they are written. */
const conditions = z.union([z.string(), z.record(z.string(), z.unknown())]);
const manifest = z.object({
  exports: z.union([z.object({ '.': conditions }), conditions]).optional(),
  main: z.string().optional(),
});

function entryOfManifest(text: string): string {
  const { exports, main } = manifest.parse(JSON.parse(text));
  if (exports === undefined) return main ?? 'index.js';
  const root = typeof exports === 'object' && '.' in exports ? exports['.'] : exports;
  const chosen = choose(root);
  if (chosen !== undefined) return chosen;
  throw new PluginRefusal('exports nothing for import in its package.json');
}

function choose(target: unknown): string | undefined {
  if (typeof target === 'string') return target;
  if (typeof target !== 'object' || target === null) return undefined;
  for (const [condition, inner] of Object.entries(target)) {
    const found = ['node', 'import', 'default'].includes(condition) ? choose(inner) : undefined;
    if (found !== undefined) return found;
  }
  return undefined;
}

function after(prefix: string, type: string): string | undefined {
  return type.startsWith(prefix) ? type.slice(prefix.length) : undefined;
}

/** Undefined when there is nothing at that path. */
async function real(path: string): Promise<string | undefined> {
  try {
    return await realpath(path);
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw error;
  }
}

function isAbsent(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR');
}
