import { describe, expect, test } from 'vitest';
import { type GuestFacts, MOTD, runCommand } from './guest-commands.ts';

const facts: GuestFacts = {
  hostname: 'dc-box',
  uptimeMs: 61_500,
  cpuCores: 1.5,
  memoryMb: 512,
  diskGb: 10,
  environment: { USER: 'root', LANG: 'C' },
};

describe('a simulated machine', () => {
  test.each([
    ['hostname', 'dc-box\n'],
    ['whoami', 'root\n'],
    ['uptime', 'up 61 seconds (simulated machine)\n'],
    ['nproc', '1\n'],
    ['cat /etc/hostname /etc/motd', `dc-box\n${MOTD}`],
    ['env', 'USER=root\nLANG=C\n'],
    [`echo one 'two  three' "four;five"`, 'one two  three four;five\n'],
    ['echo one; echo two && echo three', 'one\ntwo\nthree\n'],
    ['false && echo never; echo then', 'then\n'],
    ['echo one\necho two', 'one\ntwo\n'],
    ['   ', ''],
  ])('answers %j', (line, stdout) => {
    expect(runCommand(line, facts)).toMatchObject({ stdout, stderr: '', code: 0 });
  });

  test.each(['uname -a', 'free', 'df', 'cat /etc/os-release', 'help'])('says in %s that it is simulated', (line) => {
    expect(runCommand(line, facts).stdout.toLowerCase()).toContain('simulated');
  });

  test.each(['apt-get install nginx', 'sh -c id', 'constructor', '$(id)', '`id`'])('does not know %s', (line) => {
    const { stdout, stderr, code } = runCommand(line, facts);
    expect({ stdout, code }).toEqual({ stdout: '', code: 127 });
    expect(stderr).toContain('this is a simulated machine');
  });

  test('shows no file of this host', () => {
    const { stdout, stderr, code } = runCommand('cat /etc/passwd', facts);
    expect({ stdout, code }).toEqual({ stdout: '', code: 1 });
    expect(stderr).toContain('simulated machine');
  });

  test.each([
    ['exit', 0],
    ['exit 3', 3],
    ['false; exit', 1],
    ['exit 3; echo never', 3],
  ])('leaves on %j', (line, code) => {
    expect(runCommand(line, facts)).toMatchObject({ code, exit: true, stdout: '' });
  });
});
