import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { tar } from './tar.ts';

test('an archive is what tar reads', () => {
  const archive = tar([
    { path: 'root/.ssh/', mode: 0o700 },
    { path: 'root/.ssh/authorized_keys', mode: 0o600, content: 'ssh-ed25519 AAAA\n' },
    { path: 'exact', mode: 0o755, content: 'x'.repeat(512) },
    { path: 'empty', mode: 0o644 },
    { path: 'wide', mode: 0o644, content: 'ü' },
  ]);
  const list = execFileSync('tar', ['--numeric-owner', '--utc', '-tvf', '-'], { input: archive, encoding: 'utf8' });
  expect(
    list
      .trim()
      .split('\n')
      .map((line) =>
        line
          .split(/\s+/)
          .filter((_, i) => i !== 3 && i !== 4)
          .join(' '),
      ),
  ).toEqual([
    'drwx------ 0/0 0 root/.ssh/',
    '-rw------- 0/0 17 root/.ssh/authorized_keys',
    '-rwxr-xr-x 0/0 512 exact',
    '-rw-r--r-- 0/0 0 empty',
    '-rw-r--r-- 0/0 2 wide',
  ]);
  expect(execFileSync('tar', ['-xOf', '-', 'root/.ssh/authorized_keys'], { input: archive, encoding: 'utf8' })).toBe(
    'ssh-ed25519 AAAA\n',
  );
});

test('a path that does not fit is refused rather than cut', () => {
  expect(() => tar([{ path: 'x'.repeat(101), mode: 0o644 }])).toThrow(RangeError);
});
