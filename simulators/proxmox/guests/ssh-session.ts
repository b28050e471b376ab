import type { ServerChannel, Session } from 'ssh2';
import { runCommand } from './commands.ts';
import type { GuestDisk } from './disk.ts';

/** Commands and a shell that reads a line at a time: enough to look around in a make-believe guest. */
export function serveSession(session: Session, disk: GuestDisk): void {
  session.on('pty', (accept) => accept?.());
  session.on('window-change', (accept) => accept?.());
  session.on('env', (accept) => accept?.());
  session.on('exec', (accept, _reject, { command }) => {
    const channel = accept();
    leave(channel, print(channel, disk, command));
  });
  session.on('shell', (accept) => {
    const channel = accept();
    let line = '';
    channel.write('This is a simulated machine.\r\n$ ');
    channel.on('data', (chunk: Buffer) => {
      for (const character of chunk.toString('utf8')) {
        if (character === '\u0004') return leave(channel, 0);
        if (character !== '\r' && character !== '\n') {
          if (line.length < 4096) line += character;
        } else {
          if (/^\s*(?:exit|logout)/.test(line)) return leave(channel, 0);
          print(channel, disk, line);
          channel.write('$ ');
          line = '';
        }
      }
    });
  });
}

function print(channel: ServerChannel, disk: GuestDisk, line: string): number {
  const { stdout, stderr, exitcode } = runCommand(disk, ['sh', '-c', line]);
  channel.stderr.write(stderr);
  channel.write(stdout);
  return exitcode;
}

function leave(channel: ServerChannel, code: number): void {
  channel.exit(code);
  channel.end();
}
