import { constants } from 'node:fs';
import { mkdir, open } from 'node:fs/promises';
import { join } from 'node:path';
import { ed25519 } from '@noble/curves/ed25519.js';
import { bytesToHex, hexToBytes } from '@noble/hashes/utils.js';
import type { AgentId } from '../ports/ids.ts';
import { type Random, systemRandom } from '../ports/random.ts';
import { Secret } from '../ports/secret.ts';

/** The agent's identity: what it shows and what it keeps. */
export interface AgentKey {
  readonly publicKey: AgentId;
  /** The 32-byte seed as 64 lower-case hex digits. */
  readonly secret: Secret;
}

export interface LoadedAgentKey extends AgentKey {
  /** What an operator should put right; nothing here keeps the key from working. */
  readonly warnings: readonly string[];
}

/** A key that cannot be used. The message names the file and the remedy, and never holds any part of a key. */
export class KeyError extends Error {
  override readonly name = 'KeyError';
}

const SECRET_FILE = 'agent.key';
const PUBLIC_FILE = 'agent.pub';
const HEX_64 = /^[0-9a-f]{64}$/i;
/** Far above any key in hex; a mistaken path (a log, a device) is not read whole. */
const MAX_FILE_BYTES = 4096;

/**
 * Makes `agent.key` (0600 from its first moment, never by a later chmod) and `agent.pub` in `directory`, both synced before
 * it returns, because a registration that outlives its key is lost. An existing key is never replaced: KeyError.
 */
export async function createAgentKey(directory: string, random: Random = systemRandom): Promise<AgentKey> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const key = agentKeyOf(bytesToHex(random.bytes(32)));
  const path = join(directory, SECRET_FILE);
  if (!(await writeNew(path, key.secret.reveal(), 0o600))) {
    throw new KeyError(`${path} exists already and is kept; load it, or move it away first`);
  }
  // A stale public file may stay: it is only a copy, and the next load warns about it.
  await writeNew(join(directory, PUBLIC_FILE), key.publicKey, 0o644);
  await syncDirectory(directory);
  return key;
}

/**
 * Reads a key given as 64 hex digits or as the path of a file that holds them; hex is tried first, as the reference agent does.
 * White space around either is ignored. The public key is always derived; a differing `agent.pub` beside it earns a warning.
 */
export async function loadAgentKey(source: string): Promise<LoadedAgentKey> {
  const given = source.trim();
  if (HEX_64.test(given)) return { ...agentKeyOf(given.toLowerCase()), warnings: [] };
  // Whatever does not look like a path may be a mistyped key, so it must not be echoed.
  if (!/^(\/|\.{1,2}\/|~\/)|\.key$/.test(given)) {
    throw new KeyError(
      `expected 64 hex digits or the path of a key file, got ${given.length} other characters (not shown)`,
    );
  }
  const { text, mode } = await readSmall(given);
  const hex = text.trim();
  if (!HEX_64.test(hex)) throw new KeyError(`${given} does not hold an agent key: ${describeWrong(hex)}`);
  const key = agentKeyOf(hex.toLowerCase());
  const warnings: string[] = [];
  if ((mode & 0o077) !== 0) {
    const octal = (mode & 0o777).toString(8).padStart(4, '0');
    warnings.push(`${given} can be read by other users (mode ${octal}); run: chmod 600 ${given}`);
  }
  const published = given.endsWith('.key') ? await readPublicFile(`${given.slice(0, -4)}.pub`) : undefined;
  if (published !== undefined && published !== key.publicKey) {
    warnings.push(`${given.slice(0, -4)}.pub does not belong to ${given}; the key file counts`);
  }
  return { ...key, warnings };
}

function agentKeyOf(secretHex: string): AgentKey {
  const publicKey = bytesToHex(ed25519.getPublicKey(hexToBytes(secretHex))) as AgentId;
  return { publicKey, secret: new Secret(secretHex) };
}

/** False when the file is there already. */
async function writeNew(path: string, text: string, mode: number): Promise<boolean> {
  try {
    const file = await open(path, 'wx', mode);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    return true;
  } catch (cause) {
    const { code, message } = systemError(cause);
    if (code === 'EEXIST') return false;
    throw new KeyError(`cannot write ${path}: ${message}`, { cause });
  }
}

async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

async function readSmall(path: string): Promise<{ text: string; mode: number }> {
  // Not blocking: a named pipe must not hold up the start.
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK).catch((cause: unknown) => {
    const { code, message } = systemError(cause);
    const why = code === 'ENOENT' ? 'there is no such file' : message;
    throw new KeyError(`cannot read the agent key ${path}: ${why}`, { cause });
  });
  try {
    const stat = await file.stat();
    if (!stat.isFile()) throw new KeyError(`${path} is not a file`);
    const buffer = Buffer.alloc(MAX_FILE_BYTES + 1);
    const { bytesRead } = await file.read(buffer, 0, buffer.length, 0);
    if (bytesRead > MAX_FILE_BYTES) throw new KeyError(`${path} is too large for an agent key`);
    return { text: buffer.toString('utf8', 0, bytesRead), mode: stat.mode };
  } finally {
    await file.close();
  }
}

async function readPublicFile(path: string): Promise<string | undefined> {
  try {
    return (await readSmall(path)).text.trim().toLowerCase();
  } catch (error) {
    // Only a copy of what was just derived: absent or unreadable, nothing is lost.
    if (error instanceof KeyError) return undefined;
    throw error;
  }
}

function systemError(cause: unknown): { code: unknown; message: string } {
  if (!(cause instanceof Error)) return { code: undefined, message: String(cause) };
  return { code: 'code' in cause ? cause.code : undefined, message: cause.message };
}

function describeWrong(text: string): string {
  if (text === '') return 'it is empty; remove it and create a new key';
  if (text.includes('-----BEGIN')) return 'it is PEM, but agent keys are 64 hex digits';
  return `expected 64 hex digits, got ${text.length} characters`;
}
