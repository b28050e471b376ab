import { timingSafeEqual } from 'node:crypto';
import type { AuthContext, ParsedKey } from 'ssh2';
import { passwordMatches } from './crypt.ts';
import { authorizedKeys, type GuestDisk } from './disk.ts';

/**
 * Whether the guest's own files let this user in: by a key in `authorized_keys`, whose signature, where given, must be good, or
 * by the account's password.
 */
export function mayEnter(
  context: AuthContext,
  disk: GuestDisk,
  parseKey: (text: string) => ParsedKey | Error,
): boolean {
  if (context.method === 'password') {
    const stored = disk.passwords.get(context.username);
    return stored !== undefined && passwordMatches(context.password, stored);
  }
  if (context.method !== 'publickey') return false;
  for (const line of authorizedKeys(disk, context.username)) {
    const key = parseKey(line);
    if (key instanceof Error) continue;
    const own = key.getPublicSSH();
    if (own.length !== context.key.data.length || !timingSafeEqual(own, context.key.data)) continue;
    // Without a signature it is the question whether the key would do.
    if (!context.signature || !context.blob) return true;
    return key.verify(context.blob, context.signature, context.hashAlgo) === true;
  }
  return false;
}
