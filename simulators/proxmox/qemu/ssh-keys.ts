import { died } from '../call.ts';

/**
 * Checks public keys as `ssh-keygen -l` would, line by line; one bad line refuses all.
 *
 * @throws PveRefusal 500
 */
export function checkSshKeys(encoded: string): void {
  for (const line of decodedKeys(encoded).split('\n')) {
    if (line.trim() !== '' && !line.trim().split(/\s+/).some(isKey)) throw died('SSH public key validation error');
  }
}

/** The option's text, one key a line; as in Perl, a `%` that starts no escape is left alone. */
export function decodedKeys(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch (error) {
    if (error instanceof URIError) return text;
    throw error;
  }
}

/** The blob names its own type, as RFC 4253 wants it. */
function isKey(word: string): boolean {
  const blob = Buffer.from(word, 'base64');
  if (blob.length < 20 || !/^[A-Za-z0-9+/]+=*$/.test(word)) return false;
  const length = blob.readUInt32BE(0);
  const type = blob.subarray(4, 4 + length).toString('latin1');
  return length < 64 && /^(?:ssh-|ecdsa-|sk-)[a-z0-9@.-]+$/.test(type) && blob.length > 4 + length + 4;
}
