import { createHash } from 'node:crypto';

/** As OpenSSH prints it, of an Ed25519 private key in OpenSSH's own format (PROTOCOL.key), whose public half comes first. */
export function fingerprintOf(privateKey: string): string {
  return `SHA256:${createHash('sha256').update(publicBlob(privateKey)).digest('base64').replace(/=+$/, '')}`;
}

/** `ssh-ed25519 base64` of such a key. */
export function publicKeyOf(privateKey: string): string {
  return `ssh-ed25519 ${publicBlob(privateKey).toString('base64')}`;
}

function publicBlob(privateKey: string): Buffer {
  const body = privateKey.replaceAll(/-----[^-]+-----|\s/g, '');
  const bytes = Buffer.from(body, 'base64');
  let at = 'openssh-key-v1\0'.length;
  const next = (): Buffer => {
    const length = bytes.readUInt32BE(at);
    at += 4 + length;
    return bytes.subarray(at - length, at);
  };
  // Cipher, its key, and its options; then how many keys there are.
  for (let skipped = 0; skipped < 3; skipped++) next();
  at += 4;
  return next();
}
