import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { excerpt } from './excerpt.ts';

describe('excerpt', () => {
  test.each([
    ['password=hunter22', 'hunter22'],
    ['PASSWORD: "two words"', 'two words'],
    ["root_password='two words'", 'two words'],
    ['{"api_token":"abc\\"def","x":1}', 'abc\\"def'],
    ['--secret tellnobody', 'tellnobody'],
    ['PASS=tellnobody', 'tellnobody'],
    ['the passphrase is tellnobody', 'tellnobody'],
    ['postgres://user:tellnobody@db/x', 'tellnobody'],
    ['Authorization: Basic dXNlcjpwYXNz', 'dXNlcjpwYXNz'],
    ['-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1r\n-----END OPENSSH PRIVATE KEY-----', 'b3BlbnNzaC1r'],
    ['-----BEGIN PRIVATE KEY-----\nMC4CAQAw (cut here)', 'MC4CAQAw'],
    [`key ${'ab12'.repeat(16)}`, 'ab12ab12'],
  ])('hides the secret in %s', (text, secret) => {
    expect(excerpt(text)).not.toContain(secret);
    expect(excerpt(text)).toContain('••••');
  });

  test('keeps what helps: the end, on one line', () => {
    expect(excerpt('one\ntwo\r\n\tthree \u001b[31m\n')).toBe('one two three [31m');
    const long = Array.from({ length: 200 }, (_, line) => `line ${line}`).join('\n');
    expect(excerpt(long)).toMatch(/^….*line 199$/);
    expect(excerpt(long).length).toBeLessThanOrEqual(401);
  });

  test('drops the line that it had to cut, because the cut may hide what the line was about', () => {
    const text = `password=${'x y '.repeat(1100)}\nthe end`;
    expect(excerpt(text)).toBe('the end');
    expect(excerpt('x '.repeat(10_000))).toBe('(one very long line)');
  });

  test('never fails, is short, and holds no known secret and no control character', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary', maxLength: 6000 }),
        fc.string({ minLength: 4, maxLength: 20 }),
        (text, secret) => {
          const shown = excerpt(`${text}${secret}${text}`, [secret]);
          expect(shown.length).toBeLessThanOrEqual(401);
          expect(/[\p{Cc}\p{Zl}\p{Zp}]/u.test(shown)).toBe(false);
          if (!/[\s•…]/.test(secret) && !'(one very long line)'.includes(secret))
            expect(shown.includes(secret)).toBe(false);
        },
      ),
      { numRuns: 300 },
    );
  });
});
