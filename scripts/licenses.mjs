import { readdir, readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';

/** What may be bundled into an Apache-2.0 program and handed on with it. See docs/decisions/0001-no-proxmox-api.md. */
const ADMITTED = new Set(['MIT', 'ISC', 'Apache-2.0', 'BSD-2-Clause', 'BSD-3-Clause', '0BSD', 'Unlicense']);

/**
 * The license texts of all packages that a bundle was made of, as one document. Throws when a package has a license that was not
 * admitted, or brings no text that could be handed on.
 *
 * @param {string} root
 * @param {Iterable<string>} inputs the files that went into the bundle, relative to `root`
 */
export async function thirdPartyLicenses(root, inputs) {
  const directories = new Set([...inputs].map(packageDirectory).filter((directory) => directory !== undefined));
  const packages = await Promise.all([...directories].map((directory) => readPackage(resolve(root, directory))));
  packages.sort((a, b) => a.title.localeCompare(b.title, 'en'));
  const parts = packages.map(({ title, license, text }) => `${title} (${license})\n\n${text.trim()}\n`);
  return ['dc-agent contains the following packages.\n', ...parts].join(`\n${'-'.repeat(80)}\n\n`);
}

/** @param {string} file */
function packageDirectory(file) {
  return /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/.exec(file)?.[0];
}

/** @param {string} directory */
async function readPackage(directory) {
  const { name, version, author, ...declared } = JSON.parse(await readFile(join(directory, 'package.json'), 'utf8'));
  const title = `${name} ${version}`;
  // Packages from before 2015 have a list in place of a name.
  const license = declared.license ?? declared.licenses?.[0]?.type;
  if (!ADMITTED.has(license)) {
    throw new Error(
      `${title} has the license ${String(license)}, which is not admitted in a bundle: see scripts/licenses.mjs`,
    );
  }
  const file = (await readdir(directory)).find((entry) => /^(licen[cs]e|copying)(\.|$)/i.test(entry));
  const text = file === undefined ? withoutFile(license, author) : await readFile(join(directory, file), 'utf8');
  if (text === undefined) throw new Error(`${title} brings no license text: see scripts/licenses.mjs`);
  return { title, license, text };
}

/** Some packages name their license and author in package.json only. */
function withoutFile(license, author) {
  const holder = typeof author === 'string' ? author : author?.name;
  return holder === undefined
    ? undefined
    : `Copyright ${holder}. Licensed under ${license}, as its package.json says; no text is included.`;
}
