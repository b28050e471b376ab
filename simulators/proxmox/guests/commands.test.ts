import { describe, expect, it } from 'vitest';
import { bench } from '../qemu/test/bench.ts';
import { runCommand } from './commands.ts';
import { ensureUser, guestDisk } from './disk.ts';

const disk = () => guestDisk(bench().guest(9000));

describe('commands inside a make-believe guest', () => {
  it('work on its files', () => {
    const inside = disk();
    expect(runCommand(inside, ['tee', '--', '/tmp/x'], 'hi')).toMatchObject({ exitcode: 0, stdout: 'hi' });
    expect(runCommand(inside, ['cat', '/tmp/x'])).toMatchObject({ exitcode: 0, stdout: 'hi' });
    expect(runCommand(inside, ['tee', '/no/such/x'], 'hi')).toMatchObject({ exitcode: 1 });
    runCommand(inside, ['mkdir', '-p', '/no/such']);
    expect(runCommand(inside, ['/usr/bin/tee', '/no/such/x'], 'hi')).toMatchObject({ exitcode: 0 });
    runCommand(inside, ['rm', '-f', '/tmp/x']);
    expect(runCommand(inside, ['cat', '/tmp/x'])).toMatchObject({
      exitcode: 1,
      stderr: 'cat: /tmp/x: No such file or directory\n',
    });
  });

  it('come one after the other in a shell, whose input they share', () => {
    const inside = disk();
    expect(runCommand(inside, ['sh', '-c', 'cat; echo "a b" && false && echo never; exit 3'], 'in\n')).toEqual({
      stdout: 'in\na b\n',
      stderr: '',
      exitcode: 3,
    });
  });

  it('set passwords of users that exist', () => {
    const inside = disk();
    ensureUser(inside, 'lab');
    expect(runCommand(inside, ['chpasswd'], 'lab:a:b\n').exitcode).toBe(0);
    expect(inside.passwords.get('lab')).toBe('a:b');
    expect(runCommand(inside, ['chpasswd'], 'nobody:x\n').exitcode).toBe(1);
  });

  it('that nobody knows are not found, whatever they are called', () => {
    for (const name of ['constructor', 'reboot', '']) expect(runCommand(disk(), [name]).exitcode).toBe(127);
  });
});
