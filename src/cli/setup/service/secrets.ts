import { stat } from 'node:fs/promises';
import { basename, dirname, resolve } from 'node:path';
import type { KeyPath } from '../../../config/locate.ts';
import { formatPath } from '../../../config/report.ts';
import { isTable, type Table, valueAt } from '../../../config/tables.ts';
import { Failure } from '../../failure.ts';
import { isHidden } from './program.ts';

/** A secret of the configuration that lies in a file. */
export interface SecretFile {
  readonly path: KeyPath;
  readonly file: string;
}

/** One that the service cannot read itself: systemd, which is root, hands it over under this name. */
export interface Credential extends SecretFile {
  readonly name: string;
}

/** Every secret that is written as `{ file = … }`, and the agent key when it is written as a path. */
export function findSecretFiles(document: Table): SecretFile[] {
  const found: SecretFile[] = [];
  const look = (value: unknown, path: KeyPath): void => {
    if (Array.isArray(value)) for (const [i, item] of value.entries()) look(item, [...path, i]);
    if (!isTable(value)) return;
    const { file, ...rest } = value;
    if (typeof file === 'string' && Object.keys(rest).length === 0) found.push({ path, file });
    else for (const [key, item] of Object.entries(value)) look(item, [...path, key]);
  };
  look(document, []);
  const key = valueAt(document, AGENT_KEY);
  if (typeof key === 'string' && !/^[0-9a-f]{64}$/i.test(key.trim())) {
    found.push({ path: AGENT_KEY, file: resolve(key.trim()) });
  }
  return found;
}

const AGENT_KEY: KeyPath = ['api', 'agent_secret_key'];

/** Where the configuration asks systemd for a credential, by the credential's name. */
export function findCredentials(document: Table): Map<string, KeyPath> {
  const found = new Map<string, KeyPath>();
  const look = (value: unknown, path: KeyPath): void => {
    if (Array.isArray(value)) for (const [i, item] of value.entries()) look(item, [...path, i]);
    if (!isTable(value)) return;
    const { credential, ...rest } = value;
    if (typeof credential === 'string' && Object.keys(rest).length === 0) found.set(credential, path);
    else for (const [key, item] of Object.entries(value)) look(item, [...path, key]);
  };
  look(document, []);
  return found;
}

export interface Reader {
  /** Of the service's user; undefined before it is made. */
  readonly uid: number | undefined;
  /** The folder in which tmpfiles gives agent.* to that user. */
  readonly configuration: string;
  /** Folders in which it sees nothing. */
  readonly hides: readonly string[];
}

/**
 * Those that have to be handed over: of another owner, or where the sandbox hides them. What the service can read by itself stays
 * as it is. `taken` are names that are in use.
 */
export async function chooseCredentials(
  secrets: readonly SecretFile[],
  reader: Reader,
  taken: Iterable<string>,
): Promise<Credential[]> {
  const names = new Set(taken);
  const chosen: Credential[] = [];
  for (const secret of secrets) {
    if (await canRead(secret, reader)) continue;
    const name = freeName(basename(secret.file), names);
    names.add(name);
    chosen.push({ ...secret, name });
  }
  return chosen;
}

async function canRead({ path, file }: SecretFile, reader: Reader): Promise<boolean> {
  if (dirname(file) === reader.configuration && basename(file).startsWith('agent.')) return true;
  const owner = await stat(file).catch((cause: unknown) => {
    throw new Failure({
      what: `the file of ${formatPath(path)} cannot be looked at: ${file}`,
      next: 'Correct the path in the configuration, or put the file there.',
      cause,
    });
  });
  return owner.uid === reader.uid && !isHidden(file, reader);
}

/** systemd and the configuration agree on these letters, and a colon would end the name in LoadCredential=. */
function freeName(file: string, taken: ReadonlySet<string>): string {
  const plain = file.replaceAll(/[^A-Za-z0-9._-]/g, '-').replace(/^[^A-Za-z0-9_]+/, '') || 'secret';
  for (let number = 1; ; number++) {
    const name = number === 1 ? plain : `${plain}-${number}`;
    if (!taken.has(name)) return name;
  }
}
