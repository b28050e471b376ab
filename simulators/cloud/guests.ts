import { timingSafeEqual } from 'node:crypto';
import { createServer, type Server as NetServer, type Socket } from 'node:net';
import type ssh2Module from 'ssh2';
import type { AuthContext, Connection, Session } from 'ssh2';
import { type GuestFacts, MOTD, runCommand } from '../sandbox/guest-commands.ts';
import { keyPair } from '../sandbox/key-pair.ts';

/** The inside of one machine, as an SSH client meets it. */
export interface Guest {
  readonly address: string;
  /** False while it boots or is off: nothing answers. */
  readonly ready: boolean;
  /** Public keys that let root in. */
  readonly authorizedKeys: readonly string[];
  /** The host key that was ordered, as OpenSSH writes it. */
  readonly hostKey: string | undefined;
  readonly facts: GuestFacts;
}

export interface GuestHost {
  /** Every machine that has an address, whatever its state. */
  guests(): readonly Guest[];
  onChange(listener: () => void): () => void;
}

export interface GuestDoors {
  /** Ends every session and frees every port. */
  close(): Promise<void>;
}

interface Door {
  readonly server: NetServer;
  readonly sockets: Set<Socket>;
}

/**
 * Plays the guests of a simulated cloud: a real SSH server at the address of every machine, on `port`. It lets root in by key. A
 * machine that boots or is off drops the connection. `onProblem` hears of addresses that could not be taken.
 */
export async function openGuestDoors(
  host: GuestHost,
  { port, onProblem }: { port: number; onProblem: (problem: string) => void },
): Promise<GuestDoors> {
  // Loaded here, because only whoever plays guests should pay for it.
  const { default: ssh2 } = await import('ssh2');
  const doors = new Map<string, Door>();
  const ownKeys = new Map<string, string>();

  function look(): void {
    const guests = new Map(host.guests().map((guest) => [guest.address, guest]));
    for (const [address, door] of doors) {
      if (guests.get(address)?.ready === true) continue;
      for (const socket of door.sockets) socket.destroy();
      if (guests.has(address)) continue;
      doors.delete(address);
      ownKeys.delete(address);
      shut(door);
    }
    for (const address of guests.keys()) if (!doors.has(address)) open(address);
  }

  function open(address: string): void {
    const sockets = new Set<Socket>();
    const server = createServer((socket) => {
      sockets.add(socket);
      socket.once('close', () => sockets.delete(socket));
      socket.on('error', () => socket.destroy());
      const guest = host.guests().find((each) => each.address === address);
      if (guest?.ready === true) answer(ssh2, guest).injectSocket(socket);
      else socket.destroy();
    });
    server.on('error', (error) => onProblem(`${address}:${port} could not be taken (${error.message})`));
    doors.set(address, { server, sockets });
    server.listen(port, address);
  }

  /** A machine whose host key nobody ordered makes one at its first start, and keeps it. */
  function answer(ssh: typeof ssh2Module, guest: Guest): ssh2Module.Server {
    const hostKey = guest.hostKey ?? ownKeys.get(guest.address) ?? keyPair(ssh).private;
    ownKeys.set(guest.address, hostKey);
    const server = new ssh.Server({ hostKeys: [hostKey] });
    server.on('connection', (client) => welcome(ssh, client, guest));
    return server;
  }

  const unlisten = host.onChange(look);
  look();
  return {
    async close() {
      unlisten();
      const open = [...doors.values()];
      doors.clear();
      await Promise.all(open.map((door) => new Promise<void>((done) => shut(door, done))));
    },
  };
}

function shut({ server, sockets }: Door, done?: () => void): void {
  for (const socket of sockets) socket.destroy();
  if (server.listening) server.close(() => done?.());
  else done?.();
}

function welcome(ssh: typeof ssh2Module, client: Connection, guest: Guest): void {
  client.on('error', () => client.end());
  client.on('authentication', (context) => {
    if (mayEnter(ssh, context, guest)) context.accept();
    else context.reject(['publickey']);
  });
  client.on('session', (accept) => serve(accept(), guest.facts));
}

/** Only root; a signature, where given, must be good; without one it is the question whether a key would do. */
function mayEnter({ utils }: typeof ssh2Module, context: AuthContext, guest: Guest): boolean {
  if (context.username !== 'root' || context.method !== 'publickey') return false;
  for (const line of guest.authorizedKeys) {
    const key = utils.parseKey(line);
    if (key instanceof Error) continue;
    const own = key.getPublicSSH();
    if (own.length !== context.key.data.length || !timingSafeEqual(own, context.key.data)) continue;
    if (!context.signature || !context.blob) return true;
    return key.verify(context.blob, context.signature, context.hashAlgo) === true;
  }
  return false;
}

/** Commands are answered from a list of harmless ones; nothing is executed on this host, and there is no shell to stay in. */
function serve(session: Session, facts: GuestFacts): void {
  session.on('pty', (accept) => accept?.());
  session.on('env', (accept) => accept?.());
  session.on('exec', (accept, _reject, { command }) => {
    const channel = accept();
    const result = runCommand(command, facts);
    channel.stderr.write(result.stderr);
    channel.write(result.stdout);
    channel.exit(result.code);
    channel.end();
  });
  session.on('shell', (accept) => {
    const channel = accept();
    channel.write(MOTD.replaceAll('\n', '\r\n'));
    channel.exit(0);
    channel.end();
  });
}
