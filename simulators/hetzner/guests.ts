import { timingSafeEqual } from 'node:crypto';
import { createServer, type Server as NetServer, type Socket } from 'node:net';
import type ssh2Module from 'ssh2';
import type { AuthContext, Connection, Session } from 'ssh2';
import { type GuestFacts, MOTD, runCommand } from '../sandbox/guest-commands.ts';
import { keyPair } from '../sandbox/key-pair.ts';
import type { HetznerCore } from './core.ts';
import type { GuestAnswer } from './guest.ts';
import type { Server } from './state.ts';

export interface Guests {
  /** Ends every session and frees every port. */
  close(): Promise<void>;
}

/** One server's address and who is connected to it. */
interface Door {
  readonly server: NetServer;
  readonly sockets: Set<Socket>;
}

/**
 * Plays the guests: a real SSH server at the IPv4 address of every server that has run, on `port`. It lets root in by the keys of
 * the order and of the user data, and by the password that the API told. A server that boots or is off drops the connection.
 * `onProblem` hears of addresses that could not be taken; such a server is switched off.
 */
export async function startGuests(
  core: HetznerCore,
  { port, onProblem }: { port: number; onProblem: (problem: string) => void },
): Promise<Guests> {
  // Loaded here, because only whoever plays guests should pay for it.
  const { default: ssh2 } = await import('ssh2');
  const doors = new Map<string, Door>();

  function look(server: Readonly<Server>): void {
    const ip = core.project.primaryIps.get(server.ipv4 ?? 0)?.ip;
    for (const [address, door] of doors) {
      if (core.guestAt(address)) continue;
      doors.delete(address);
      shut(door);
    }
    if (ip === undefined) return;
    const door = doors.get(ip);
    if (server.status === 'running' && !door) open(ip, server);
    else if (server.status !== 'running' && door) for (const socket of door.sockets) socket.destroy();
  }

  function open(ip: string, { id }: Readonly<Server>): void {
    const sockets = new Set<Socket>();
    const server = createServer((socket) => {
      sockets.add(socket);
      socket.once('close', () => sockets.delete(socket));
      socket.on('error', () => socket.destroy());
      const guest = core.guestAt(ip);
      if (guest?.ready) answer(ssh2, guest).injectSocket(socket);
      else socket.destroy();
    });
    server.on('error', (error) => {
      doors.delete(ip);
      onProblem(`server ${id} was switched off: ${ip}:${port} could not be taken (${error.message})`);
      if (core.project.servers.has(id)) core.admin.powerOff(id);
    });
    doors.set(ip, { server, sockets });
    server.listen(port, ip);
  }

  /** Made anew for every connection, because a rebuilt server has another host key. */
  function answer(ssh: typeof ssh2Module, guest: GuestAnswer): ssh2Module.Server {
    const { id } = guest.server;
    const ordered = guest.ownHostKey;
    const broken = ordered !== undefined && ssh.utils.parseKey(ordered) instanceof Error;
    if (broken)
      onProblem(`server ${id} has another host key than the one that its user data orders, which cannot be read`);
    const own = ordered === undefined || broken ? guest.server.hostKey : ordered;
    const hostKey = own ?? keyPair(ssh).private;
    if (own === undefined) core.setHostKey(id, hostKey);
    const server = new ssh.Server({ hostKeys: [hostKey] });
    server.on('connection', (client) => welcome(ssh, client, guest));
    return server;
  }

  const unlisten = core.onChange(look);
  for (const server of core.project.servers.values()) look(server);
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

function welcome(ssh: typeof ssh2Module, client: Connection, guest: GuestAnswer): void {
  client.on('error', () => client.end());
  client.on('authentication', (context) => {
    if (mayEnter(ssh, context, guest)) context.accept();
    else context.reject(['publickey', 'password']);
  });
  client.on('session', (accept) => serve(accept(), factsOf(guest)));
}

/** Only root; a signature, where given, must be good; without one it is the question whether a key would do. */
function mayEnter({ utils }: typeof ssh2Module, context: AuthContext, guest: GuestAnswer): boolean {
  if (context.username !== 'root') return false;
  if (context.method === 'password') return context.password === guest.password;
  if (context.method !== 'publickey') return false;
  for (const line of guest.authorizedKeys) {
    // Options such as `expiry-time` stand before the key.
    const key = utils.parseKey(/(?:ssh|ecdsa|sk)-\S+ \S+.*$/.exec(line)?.[0] ?? line);
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

function factsOf({ server, uptimeMs }: GuestAnswer): GuestFacts {
  return {
    hostname: server.name,
    uptimeMs,
    cpuCores: server.type.cores,
    memoryMb: server.type.memory * 1024,
    diskGb: server.diskGb,
    environment: { USER: 'root', HOME: '/root' },
  };
}
