import { createServer, type Server, type Socket } from 'node:net';

/** The addresses at which guests answer, on one port. */
export interface SshDoors {
  readonly addresses: readonly string[];
  has(address: string): boolean;
  open(address: string): void;
  /** Ends every connection; the door stays open. */
  drop(address: string): void;
  /** The address is nobody's any more. */
  shut(address: string): void;
  /** Ends every session and frees every port. */
  close(): Promise<void>;
}

interface Door {
  readonly server: Server;
  readonly sockets: Set<Socket>;
}

/** `knocked` gets every new connection; `failed` hears of addresses that could not be taken. */
export function createSshDoors(
  port: number,
  { knocked, failed }: { knocked(address: string, socket: Socket): void; failed(address: string, error: Error): void },
): SshDoors {
  const doors = new Map<string, Door>();
  return {
    get addresses() {
      return [...doors.keys()];
    },
    has: (address) => doors.has(address),
    open(address) {
      const sockets = new Set<Socket>();
      const server = createServer((socket) => {
        sockets.add(socket);
        socket.once('close', () => sockets.delete(socket));
        socket.on('error', () => socket.destroy());
        knocked(address, socket);
      });
      server.on('error', (error) => failed(address, error));
      doors.set(address, { server, sockets });
      server.listen(port, address);
    },
    drop(address) {
      for (const socket of doors.get(address)?.sockets ?? []) socket.destroy();
    },
    shut(address) {
      const door = doors.get(address);
      doors.delete(address);
      if (door) shut(door);
    },
    async close() {
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
