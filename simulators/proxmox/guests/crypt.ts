import { createHash } from 'node:crypto';
import type { Random } from '../../../src/ports/random.ts';

/** Whether PVE would take this for a hash already and store it as it is. */
export function isCrypted(text: string): boolean {
  return /^\$(?:[156]|2[ay])(?:\$.+){2}/.test(text);
}

/** SHA-256-crypt with a salt of its own, as PVE hashes `cipassword`. */
export function cryptPassword(password: string, random: Random): string {
  const salt = Buffer.from(random.bytes(6)).toString('base64').replaceAll('+', '.');
  return shaCrypt(password, '5', salt);
}

/** Whether the password belongs to a hash of `$5$` or `$6$`; any other text is taken for the password itself. */
export function passwordMatches(password: string, stored: string): boolean {
  const [, kind, salt] = /^\$([56])\$(?:rounds=5000\$)?([^$]{1,16})\$/.exec(stored) ?? [];
  if (salt === undefined) return password === stored;
  return shaCrypt(password, kind === '5' ? '5' : '6', salt) === stored.replace('$rounds=5000', '');
}

const ROUNDS = 5000;
const DIGITS = './0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

/** Ulrich Drepper's "Unix crypt using SHA-256 and SHA-512", with the default number of rounds. */
export function shaCrypt(password: string, kind: '5' | '6', salt: string): string {
  const algorithm = kind === '5' ? 'sha256' : 'sha512';
  const size = kind === '5' ? 32 : 64;
  const [key, grain] = [Buffer.from(password), Buffer.from(salt)];
  const digest = (...parts: readonly Uint8Array[]): Buffer =>
    createHash(algorithm).update(Buffer.concat(parts)).digest();

  const b = digest(key, grain, key);
  const a = [key, grain, repeated(b, key.length)];
  for (let bits = key.length; bits > 0; bits >>= 1) a.push(bits & 1 ? b : key);
  let result = digest(...a);
  const p = repeated(digest(...Array.from({ length: key.length }, () => key)), key.length);
  const s = repeated(digest(...Array.from({ length: 16 + (result[0] ?? 0) }, () => grain)), grain.length);
  for (let round = 0; round < ROUNDS; round++) {
    const odd = round % 2 === 1;
    const parts = [odd ? p : result];
    if (round % 3 !== 0) parts.push(s);
    if (round % 7 !== 0) parts.push(p);
    parts.push(odd ? result : p);
    result = digest(...parts);
  }
  return `$${kind}$${salt}$${encoded(result, size)}`;
}

function repeated(bytes: Uint8Array, length: number): Buffer {
  return Buffer.alloc(length, bytes);
}

/** Three bytes at a time, taken from three places that move on in turn, least digit first. */
function encoded(bytes: Uint8Array, size: number): string {
  const third = Math.floor(size / 3);
  let text = '';
  const write = (value: number, digits: number): void => {
    for (let left = value, n = 0; n < digits; n++, left >>= 6) text += DIGITS[left & 63];
  };
  const at = (index: number): number => bytes[index] ?? 0;
  let [x, y, z] = [0, third, 2 * third];
  for (let group = 0; group < third; group++) {
    write((at(x) << 16) | (at(y) << 8) | at(z), 4);
    // SHA-256 turns the three places one way, SHA-512 the other.
    [x, y, z] = size === 32 ? [z + 1, x + 1, y + 1] : [y + 1, z + 1, x + 1];
  }
  if (size === 32) write((at(31) << 8) | at(30), 3);
  else write(at(63), 2);
  return text;
}
