import { describe, expect, it } from 'vitest';
import { systemRandom } from '../../../src/ports/random.ts';
import { cryptPassword, isCrypted, passwordMatches, shaCrypt } from './crypt.ts';

const LONG = 'a much longer pässword, of more than two blocks of any hash that is used here: 0123456789abcdef';

describe('crypt', () => {
  // Told by OpenSSL: `openssl passwd -5 -salt …`.
  it.each([
    ['5', 'Hello world!', 'saltstring', '$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5'],
    ['5', 'secret123', 'abcdEFGH', '$5$abcdEFGH$G16GUJc6ym6A1o.aDCFDMVNjSXH3B6Ug/PR5GylufD0'],
    ['5', LONG, 'xy', '$5$xy$fi8FZB.5rgG6YyNu49/Hjx3Br.VqZXEbpLUgBn6HPt7'],
    [
      '6',
      'secret123',
      'abcdEFGH',
      '$6$abcdEFGH$5HNWX/AxuGx05DXp3hKGe0vB6P6XaDUA/mzXg8b7XzPgzbvvbFm9MD.LehX/qDCAalP5p10F88CXLybEhNEmn.',
    ],
    ['6', LONG, 'xy', '$6$xy$./5GaVzBkukTytwh8Su7SfdynDSg/3e4x8DbbHGLp4DzdkkQgCqXyfyeL5v0rTP7kcMx67GXCM.i5Qm8g8WKo/'],
  ] as const)('of kind %s knows what becomes of %s', (kind, password, salt, hash) => {
    expect(shaCrypt(password, kind, salt)).toBe(hash);
    expect(passwordMatches(password, hash)).toBe(true);
  });

  it('gives every password a salt of its own, and knows it again', () => {
    const [first, second] = [cryptPassword('secret123', systemRandom), cryptPassword('secret123', systemRandom)];
    expect(first).not.toBe(second);
    expect(isCrypted(first)).toBe(true);
    expect(passwordMatches('secret123', first)).toBe(true);
    expect(passwordMatches('secret124', first)).toBe(false);
  });
});
