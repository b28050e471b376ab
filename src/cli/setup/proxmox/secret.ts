import { readFile, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import {
  type Connection,
  connect,
  type ProxmoxSettings,
  type Trust,
} from '../../../../provisioners/proxmox/setup/index.ts';
import { systemClock } from '../../../ports/clock.ts';
import { Secret } from '../../../ports/secret.ts';
import { isProvisionerError } from '../../../provisioner/index.ts';
import { registerSecret } from '../../../telemetry/secrets.ts';
import { writeWhole } from '../store.ts';
import type { ProxmoxOptions } from './options.ts';
import type { SetupRecord } from './record.ts';

/** Where the secret of the agent's token lies. The configuration names the file, so that it can be shown around. */
export function secretFileOf({ output, target }: Pick<ProxmoxOptions, 'output' | 'target'>): string {
  return join(dirname(output), `${target}.secret`);
}

/** On disk before anything relies on it. The record comes first: a file that nobody knows of would stay behind. */
export async function keepSecret(file: string, secret: Secret, record: SetupRecord): Promise<void> {
  registerSecret(secret.reveal());
  await record.note({ secretFile: file });
  await writeWhole(file, `${secret.reveal()}\n`);
}

export async function dropSecret(file: string): Promise<void> {
  await rm(file, { force: true });
}

/** A secret of this token that the host still takes: of the configuration, or of a setup that did not come to its end. */
export async function findWorkingSecret(
  { url, trust, id }: { readonly url: string; readonly trust: Trust; readonly id: string },
  earlier: ProxmoxSettings | undefined,
  record: SetupRecord,
  signal: AbortSignal,
): Promise<Secret | undefined> {
  const candidates: Secret[] = [];
  if (earlier !== undefined && earlier.api_token_id === id) candidates.push(earlier.api_token_secret);
  const noted = record.present?.secretFile;
  const stored = noted === undefined ? undefined : await readIfThere(noted);
  if (stored !== undefined) candidates.push(stored);
  for (const secret of candidates) {
    const connection = await tryToken(url, trust, { how: 'token', id, secret }, signal);
    await connection?.close();
    if (connection !== undefined) return secret;
  }
  return undefined;
}

async function tryToken(
  url: string,
  trust: Trust,
  who: { readonly how: 'token'; readonly id: string; readonly secret: Secret },
  signal: AbortSignal,
): Promise<Connection | undefined> {
  try {
    return await connect(url, trust, who, systemClock, signal);
  } catch (error) {
    // Deleted, expired or mistyped: Proxmox has one answer for all of these.
    if (isProvisionerError(error) && error.kind === 'config') return undefined;
    throw error;
  }
}

async function readIfThere(file: string): Promise<Secret | undefined> {
  try {
    const text = (await readFile(file, 'utf8')).trim();
    if (text === '') return undefined;
    registerSecret(text);
    return new Secret(text);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}
