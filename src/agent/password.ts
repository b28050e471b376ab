import type { Random } from '../ports/random.ts';

/** Without letters that are mistaken for others when read aloud: 54 signs, 5.75 bits each. */
const SIGNS = 'abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789';
const LENGTH = 24;

/** A password of 24 letters and digits, evenly drawn: over 130 bits. Needs no quoting anywhere. */
export function makePassword(random: Random): string {
  // Above the last whole multiple the first signs would come up more often.
  const limit = 256 - (256 % SIGNS.length);
  let password = '';
  while (password.length < LENGTH) {
    for (const byte of random.bytes(LENGTH)) {
      if (byte < limit && password.length < LENGTH) password += SIGNS[byte % SIGNS.length];
    }
  }
  return password;
}
