import { timingSafeEqual } from 'node:crypto';
import { createServer, type Server, type Socket } from 'node:net';
import type { AuthContext, Connection, ParsedKey, ServerChannel, Session } from 'ssh2';
import type { SandboxCore } from './core.ts';
import { type GuestFacts, MOTD, runCommand } from './guest-commands.ts';
import { keyPair } from './key-pair.ts';
import type { SandboxMachine } from './machine.ts';

export interface Guests {
  /** Ends every session and frees every port. */
  close(): Promise<void>;
}

/** One machine's forwarded port and who is connected to it. */
interface Door {
  readonly server: Server;
  readonly sockets: Set<Socket>;
}

/**
 * Plays the guests: a real SSH server per machine, on the sandbox's own address.
 *
 * The port is taken when the machine first runs and kept until it is gone, as a provider's port forward would be: a machine
 * that boots or is off takes the connection and drops it. Host keys are per machine and outlive stop and start.
 * `onProblem` hears of ports that could not be taken; such a machine is switched off.
 */
export async function startGuests(
  core: SandboxCore,
  { host, onProblem }: { host: string; onProblem: (problem: string) => void },
): Promise<Guests> {
  // Loaded here, because only whoever plays guests should pay for it.
  const { default: ssh2 } = await import('ssh2');
  const doors = new Map<string, Door>();

  function look(machine: Readonly<SandboxMachine>): void {
    const gone = core.machines.get(machine.id)?.uid !== machine.uid;
    const door = doors.get(machine.uid);
    if (gone) {
      if (!door) return;
      doors.delete(machine.uid);
      shut(door);
    } else if (machine.state === 'running' && !door) {
      open(machine);
    } else if (machine.state !== 'running' && door) {
      for (const socket of door.sockets) socket.destroy();
    }
  }

  function open(machine: Readonly<SandboxMachine>): void {
    if (machine.hostKey === undefined) core.setHostKey(machine.id, keyPair(ssh2).private);
    const sockets = new Set<Socket>();
    const guest = new ssh2.Server({ hostKeys: [core.machines.get(machine.id)?.hostKey ?? ''] });
    guest.on('connection', (client) => welcome(client, machine));
    const server = createServer((socket) => {
      sockets.add(socket);
      socket.once('close', () => sockets.delete(socket));
      socket.on('error', () => socket.destroy());
      const answers = core.sshAt(portOf(server))?.ready === true && core.machines.get(machine.id)?.uid === machine.uid;
      if (answers) guest.injectSocket(socket);
      else socket.destroy();
    });
    server.on('error', (error) => {
      doors.delete(machine.uid);
      onProblem(`machine ${machine.id} was switched off: its SSH port could not be taken (${error.message})`);
      if (core.machines.get(machine.id)?.uid === machine.uid) core.admin.powerOff(machine.id);
    });
    doors.set(machine.uid, { server, sockets });
    server.listen(machine.sshPort ?? 0, host, () => {
      if (core.machines.get(machine.id)?.uid !== machine.uid) return shut({ server, sockets });
      if (machine.sshPort === undefined) core.setSshPort(machine.id, portOf(server));
    });
  }

  function welcome(client: Connection, machine: Readonly<SandboxMachine>): void {
    client.on('error', () => client.end());
    client.on('authentication', (context) => {
      if (mayEnter(context, machine, ssh2.utils.parseKey)) context.accept();
      else context.reject(machine.rootPassword === undefined ? ['publickey'] : ['publickey', 'password']);
    });
    client.on('session', (accept) => serve(accept(), () => factsOf(machine, core)));
  }

  const unlisten = core.onChange(look);
  for (const machine of core.machines.values()) look(machine);
  return {
    async close() {
      unlisten();
      const open = [...doors.values()];
      doors.clear();
      await Promise.all(open.map((door) => new Promise<void>((done) => shut(door, done))));
    },
  };

  function shut({ server, sockets }: Door, done?: () => void): void {
    for (const socket of sockets) socket.destroy();
    if (server.listening) server.close(() => done?.());
    else done?.();
  }
}

/** Only root, by password where one was set, or by key: a signature, where given, must be good; without one it is the question whether a key would do. */
function mayEnter(
  context: AuthContext,
  machine: Pick<SandboxMachine, 'authorizedKeys' | 'rootPassword'>,
  parseKey: (text: string) => ParsedKey | Error,
): boolean {
  if (context.username !== 'root') return false;
  if (context.method === 'password')
    return machine.rootPassword !== undefined && context.password === machine.rootPassword;
  if (context.method !== 'publickey') return false;
  for (const line of machine.authorizedKeys) {
    const key = parseKey(line);
    if (key instanceof Error) continue;
    const own = key.getPublicSSH();
    if (own.length !== context.key.data.length || !timingSafeEqual(own, context.key.data)) continue;
    if (!context.signature || !context.blob) return true;
    return key.verify(context.blob, context.signature, context.hashAlgo) === true;
  }
  return false;
}

function serve(session: Session, facts: () => GuestFacts): void {
  const environment: Record<string, string> = { USER: 'root', HOME: '/root' };
  const known = (): GuestFacts => ({ ...facts(), environment });
  session.on('pty', (accept) => accept?.());
  session.on('window-change', (accept) => accept?.());
  session.on('env', (accept, _reject, { key, val }) => {
    if (Object.keys(environment).length < 100) environment[key] = val;
    accept?.();
  });
  session.on('exec', (accept, _reject, { command }) => {
    const channel = accept();
    const result = runCommand(command, known());
    channel.stderr.write(result.stderr);
    channel.write(result.stdout);
    leave(channel, result.code);
  });
  session.on('shell', (accept) => shell(accept(), known));
}

/** A line at a time, echoed, with backspace, Ctrl-C and Ctrl-D: enough to look around. */
function shell(channel: ServerChannel, facts: () => GuestFacts): void {
  const prompt = (): boolean => channel.write(`root@${facts().hostname}:~# `);
  let line = '';
  channel.write(MOTD.replaceAll('\n', '\r\n'));
  prompt();
  channel.on('data', (chunk: Buffer) => {
    for (const character of chunk.toString('utf8')) {
      if (character === '\u0004' && line === '') return leave(channel, 0);
      if (character === '\u0003') {
        line = '';
        channel.write('^C\r\n');
        prompt();
      } else if (character === '\u007f' || character === '\b') {
        if (line !== '') channel.write('\b \b');
        line = line.slice(0, -1);
      } else if (character === '\r' || character === '\n') {
        const result = runCommand(line, facts());
        line = '';
        channel.write(`\r\n${(result.stdout + result.stderr).replaceAll('\n', '\r\n')}`);
        if (result.exit) return leave(channel, result.code);
        prompt();
      } else if (line.length < 4096) {
        line += character;
        channel.write(character);
      }
    }
  });
}

function leave(channel: ServerChannel, code: number): void {
  channel.exit(code);
  channel.end();
}

function factsOf(machine: Readonly<SandboxMachine>, core: SandboxCore): GuestFacts {
  return {
    hostname: machine.hostname,
    uptimeMs: core.uptimeMs(machine.id),
    cpuCores: machine.cpuCores,
    memoryMb: machine.memoryMb,
    diskGb: machine.diskGb,
    environment: {},
  };
}

function portOf(server: Server): number {
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}
