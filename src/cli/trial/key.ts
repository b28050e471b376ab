import { generateKeyPairSync } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { cleanSshKey } from '../../guest/index.ts';
import { EXIT } from '../exit.ts';
import { Failure } from '../failure.ts';

/** The tenant key of a test run: the one given (as text or file), else a fresh one whose secret half is thrown away. */
export async function trialSshKey(given: string | undefined): Promise<string> {
  if (given === undefined) return throwawayKey();
  const text = /^(ssh-|ecdsa-|sk-)/.test(given.trim()) ? given : await readKeyFile(given);
  const clean = cleanSshKey(text);
  if (clean.ok) return clean.key;
  throw new Failure({ what: `--ssh-pubkey is not usable: ${clean.problem}`, exit: EXIT.usage });
}

async function readKeyFile(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    throw new Failure({ what: `--ssh-pubkey names neither a public key nor a readable file`, exit: EXIT.usage, cause });
  }
}

/** OpenSSH's public key line: two length-prefixed strings, the type and the 32 bytes (RFC 8709). */
function throwawayKey(): string {
  const jwk = generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' });
  const parts = [Buffer.from('ssh-ed25519'), Buffer.from(jwk.x ?? '', 'base64url')];
  const framed = parts.flatMap((part) => {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(part.length);
    return [length, part];
  });
  return `ssh-ed25519 ${Buffer.concat(framed).toString('base64')}`;
}
