import { createServer, type Server, type Socket } from 'node:net';
import type { Connection } from 'ssh2';
import type { Clock } from '../../../src/ports/clock.ts';
import { keyPair } from '../../sandbox/key-pair.ts';
import type { Guest, GuestDriver } from '../state.ts';
import { HOST_KEY } from './cloud-init.ts';
import { guestDisk } from './disk.ts';
import { memoryGuests } from './memory.ts';
import { mayEnter } from './ssh-login.ts';
import { serveSession } from './ssh-session.ts';

export interface SshGuestsOptions {
  readonly clock: Clock;
  /** From the start of a boot until logins are let in; before that a connection is taken and dropped. */
  readonly bootMs: number;
  /** Default 127.0.0.1. */
  readonly host?: string;
  /** Hears of ports that could not be taken; such a machine runs without SSH. */
  readonly onProblem: (problem: string) => void;
}

/** One machine's port, and who is connected to it. */
interface Door {
  readonly server: Server;
  readonly sockets: Set<Socket>;
  /** Takes over a connection; another one after each start, because host keys may have changed. */
  welcome: (socket: Socket) => void;
}

/**
 * Machines in memory with a real SSH server each, on this host: where it listens is in `guest.guest.ssh` once the machine was
 * started. It lets in whom the files on the guest's disk let in, by key or by password. The port is kept until the machine is
 * destroyed; the host key is the disk's, so a new cloud-init instance has a new one.
 */
export function sshGuests(options: SshGuestsOptions): GuestDriver {
  const { host = '127.0.0.1', clock, bootMs, onProblem } = options;
  const doors = new Map<Guest, Door>();

  function isUp(guest: Guest): boolean {
    return guest.status === 'running' && !guest.paused && clock.now() >= (guest.boot?.at ?? Infinity) + bootMs;
  }

  async function open(guest: Guest): Promise<Door> {
    const known = doors.get(guest);
    if (known) return known;
    const sockets = new Set<Socket>();
    const server = createServer((socket) => {
      sockets.add(socket);
      socket.once('close', () => sockets.delete(socket));
      socket.on('error', () => socket.destroy());
      if (isUp(guest)) door.welcome(socket);
      else socket.destroy();
    });
    const door: Door = { server, sockets, welcome: (socket) => void socket.destroy() };
    doors.set(guest, door);
    await new Promise<void>((resolve) => {
      server.once('listening', resolve);
      server.once('error', (error) => {
        onProblem(`VM ${guest.vmid} runs without SSH: its port could not be taken (${error.message})`);
        resolve();
      });
      server.listen(0, host);
    });
    return door;
  }

  return {
    async started(guest, documents) {
      await memoryGuests.started(guest, documents);
      // Loaded here, because only whoever plays guests should pay for it.
      const { default: ssh2 } = await import('ssh2');
      const { files } = guestDisk(guest);
      if (!files.has(HOST_KEY)) {
        const made = keyPair(ssh2);
        files.set(HOST_KEY, made.private).set(`${HOST_KEY}.pub`, `${made.public} root@localhost\n`);
      }
      const hostKey = files.get(HOST_KEY) ?? '';
      const inside = new ssh2.Server({ hostKeys: [hostKey] });
      inside.on('connection', (client) => greet(client, guest, ssh2.utils.parseKey));
      const door = await open(guest);
      door.welcome = (socket) => inside.injectSocket(socket);
      const address = door.server.address();
      if (typeof address === 'object' && address !== null) guest.guest.ssh = { host, port: address.port };
    },
    stopped(guest) {
      for (const socket of doors.get(guest)?.sockets ?? []) socket.destroy();
      return Promise.resolve();
    },
    async destroyed(guest) {
      const door = doors.get(guest);
      doors.delete(guest);
      delete guest.guest.ssh;
      if (door) await shut(door);
    },
    exec: (guest, command, input) =>
      memoryGuests.exec?.(guest, command, input) ?? Promise.reject(new Error('no agent')),
    async close() {
      const open = [...doors.values()];
      doors.clear();
      await Promise.all(open.map(shut));
    },
  };
}

function greet(client: Connection, guest: Guest, parseKey: Parameters<typeof mayEnter>[2]): void {
  client.on('error', () => client.end());
  client.on('authentication', (context) => {
    if (mayEnter(context, guestDisk(guest), parseKey)) context.accept();
    else context.reject(['publickey', 'password']);
  });
  client.on('session', (accept) => serveSession(accept(), guestDisk(guest)));
}

function shut({ server, sockets }: Door): Promise<void> {
  for (const socket of sockets) socket.destroy();
  if (!server.listening) return Promise.resolve();
  return new Promise((resolve) => void server.close(() => resolve()));
}
