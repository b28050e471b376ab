import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { firstEntry, tar } from './tar.ts';

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

test('the first entry of an archive is read as it was written', () => {
  const archive = Buffer.from(tar([{ path: 'keys', mode: 0o600, content: 'ssh-ed25519 AAAA\n' }]));
  expect(firstEntry(archive)).toEqual({
    kind: 'file',
    mode: 0o600,
    uid: 0,
    gid: 0,
    content: Buffer.from('ssh-ed25519 AAAA\n'),
  });
  expect(firstEntry(Buffer.from(tar([{ path: 'd/', mode: 0o700 }])))?.kind).toBe('other');
});

test('of a file that was cut off only its head is believed, and of noise nothing', () => {
  const archive = Buffer.from(tar([{ path: 'long', mode: 0o600, content: 'x'.repeat(2000) }]));
  expect(firstEntry(archive.subarray(0, 1024))).toMatchObject({ kind: 'file', content: undefined });
  expect(firstEntry(Buffer.from('not an archive'))).toBeUndefined();
  expect(firstEntry(Buffer.alloc(1024, 0x20))).toBeUndefined();
});

test('remarks before an entry are passed over', () => {
  const options = [
    '--format=pax',
    '--pax-option=comment=hello',
    '--owner=0',
    '--group=0',
    '-cf',
    '-',
    '-C',
    '/etc',
    'hostname',
  ];
  const entry = firstEntry(execFileSync('tar', options));
  expect(entry).toMatchObject({ kind: 'file', uid: 0 });
  expect(entry?.content).toEqual(readFileSync('/etc/hostname'));
});
