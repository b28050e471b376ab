import { type GuestDisk, homeOf, writeTo } from './disk.ts';
import { playScript } from './scripts.ts';

export interface CommandResult {
  readonly exitcode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Runs a command inside the make-believe guest. It knows a handful, `sh -c` with `;` and `&&` among them; nothing is executed
 * on this host.
 */
export function runCommand(disk: GuestDisk, command: readonly string[], input = ''): CommandResult {
  const [path = '', ...args] = command;
  const name = path.replace(/^(?:\/usr)?\/s?bin\//, '');
  const known = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (!known) return failed(127, `${name.slice(0, 64)}: not found (this is a simulated machine)\n`);
  return known({ disk, args: args[0] === '--' ? args.slice(1) : args, input });
}

interface Invocation {
  readonly disk: GuestDisk;
  readonly args: readonly string[];
  readonly input: string;
}

const COMMANDS: Readonly<Record<string, (invocation: Invocation) => CommandResult>> = {
  true: () => done(),
  false: () => failed(1),
  echo: ({ args }) => done(`${args.join(' ')}\n`),
  id: () => done('uid=0(root) gid=0(root) groups=0(root)\n'),
  whoami: () => done('root\n'),
  uname: ({ args: [what], disk }) => {
    if (what === '-n') return done(`${hostname(disk)}\n`);
    return done(what === '-a' ? `Linux ${hostname(disk)} (simulated machine)\n` : 'Linux\n');
  },
  hostname: ({ disk }) => done(`${hostname(disk)}\n`),
  sync: () => done(),
  cat: ({ disk, args, input }) => {
    if (args.length === 0) return done(input);
    const missing = args.find((path) => !disk.files.has(path));
    if (missing !== undefined) return failed(1, `cat: ${missing}: No such file or directory\n`);
    return done(args.map((path) => disk.files.get(path)).join(''));
  },
  tee: ({ disk, args, input }) => {
    const refused = args.find((path) => !writeTo(disk, path, input));
    return refused === undefined ? done(input) : failed(1, `tee: ${refused}: No such file or directory\n`);
  },
  mkdir: ({ disk, args }) => {
    for (const path of args.filter((arg) => arg.startsWith('/'))) disk.directories.add(path);
    return done();
  },
  rm: ({ disk, args }) => {
    for (const path of args) disk.files.delete(path);
    return done();
  },
  chpasswd: ({ disk, input }) => {
    for (const line of input.split('\n').filter((text) => text !== '')) {
      const [user = '', ...password] = line.split(':');
      if (homeOf(disk, user) === undefined) return failed(1, `chpasswd: (user ${user}) no such user\n`);
      disk.passwords.set(user, password.join(':'));
    }
    return done();
  },
  sh: (invocation) => shell(invocation),
  bash: (invocation) => shell(invocation),
};

/** `sh -c LINE`: commands one after the other, with simple quotes; the first that asks for it gets the input. */
function shell({ disk, args, input }: Invocation): CommandResult {
  const played = playScript(disk, args, (line) => shell({ disk, args: ['-c', line], input: '' }));
  if (played !== undefined) return played;
  if (args[0] !== '-c') return failed(2, 'sh: only -c is known (this is a simulated machine)\n');
  let [stdout, stderr, exitcode] = ['', '', 0];
  for (const { joint, words } of split(args[1] ?? '')) {
    if (words.length === 0 || (joint === '&&' && exitcode !== 0)) continue;
    if (words[0] === 'exit') return { stdout, stderr, exitcode: Number(words[1] ?? exitcode) & 255 };
    const result = runCommand(disk, words, input);
    stdout += result.stdout;
    stderr += result.stderr;
    exitcode = result.exitcode;
  }
  return { stdout, stderr, exitcode };
}

function split(line: string): { readonly joint: string; readonly words: string[] }[] {
  const commands: { joint: string; words: string[] }[] = [{ joint: ';', words: [] }];
  for (const [, single, double, joint, plain] of line.matchAll(
    /'([^']*)'|"([^"]*)"|(;|&&|\n)|((?:(?!&&)[^\s;'"])+)/g,
  )) {
    if (joint !== undefined) commands.push({ joint, words: [] });
    else commands.at(-1)?.words.push(single ?? double ?? plain ?? '');
  }
  return commands;
}

function hostname(disk: GuestDisk): string {
  return disk.files.get('/etc/hostname')?.trim() ?? 'localhost';
}

function done(stdout = ''): CommandResult {
  return { exitcode: 0, stdout, stderr: '' };
}

function failed(exitcode: number, stderr = ''): CommandResult {
  return { exitcode, stdout: '', stderr };
}
