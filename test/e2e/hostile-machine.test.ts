import { readdir, readFile } from 'node:fs/promises';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Host } from './ground/host.ts';
import type { Lease, Stall } from './ground/market.ts';
import { expectOrder } from './ground/order.ts';
import { type SandboxBackend, sandboxBackend } from './ground/sandbox.ts';
import { openWorld, type World } from './ground/world.ts';

/** What answers at a machine whose tenant, or whose image, means ill. */
const MANNERS: Readonly<Record<string, (socket: Socket, neighbour: number) => void>> = {
  'says nothing': () => {},
  'greets without end': (socket: Socket) => flood(socket, 'x'.repeat(65_536)),
  'greets in lines without end': (socket: Socket) => flood(socket, 'not yet\r\n'.repeat(8_192)),
  'breaks off in the middle of the key exchange': (socket: Socket) => {
    socket.write('SSH-2.0-hostile\r\n');
    socket.once('data', () => socket.once('data', () => socket.resetAndDestroy()));
  },
  'sends noise for a key exchange': (socket: Socket) => {
    socket.write('SSH-2.0-hostile\r\n');
    flood(socket, Buffer.alloc(65_536, 0x5a));
  },
  'passes everything on to a neighbour': (socket: Socket, neighbour: number) => {
    const behind = connect(neighbour, '127.0.0.1');
    behind.on('error', () => socket.destroy());
    socket.pipe(behind).pipe(socket);
    socket.on('close', () => behind.destroy());
  },
};

/** So many visits say that the agent goes on, and goes away in between. */
const VISITS = 3;
/** A login takes under 256 KiB; the rest is what two kernels hold for a connection. */
const MOST_BYTES_A_VISIT = 16 * 1024 * 1024;
const MOST_MEMORY_KB = 400 * 1024;
const MOST_HANDLES = 120;

describe('machines that mean ill', () => {
  let world: World<SandboxBackend>;
  let stall: Stall;
  let host: Host;
  const doors = new Map<string, Door>();
  const leases = new Map<string, Lease>();

  beforeAll(async () => {
    world = await openWorld(sandboxBackend);
    stall = world.market.stall('sandbox');
    const { core } = world.backend;
    const honest = world.market.rent(stall.offering);
    host = await world.host(stall, { healthSeconds: 1, lanes: 2 });
    host.run();
    await expectOrder(world, [honest]);
    const neighbour = world.market.details(honest.contract)?.port ?? 0;
    for (const [name, behave] of Object.entries(MANNERS))
      doors.set(name, await openDoor((socket) => behave(socket, neighbour)));
    core.onChange(({ id, labels, sshPort }) => {
      const [name] = [...leases].find(([, { contract }]) => contract === labels['dc-contract-id']) ?? [];
      const port = name === undefined ? undefined : doors.get(name)?.port;
      // Once it has a port of its own, or two would want the same one.
      if (port !== undefined && sshPort !== undefined && sshPort !== port) core.setSshPort(id, port);
    });
  });
  afterAll(async () => {
    for (const door of doors.values()) door.close();
    await world?.close();
  });

  test('cost nothing but their own contracts', async () => {
    const { market, pulse } = world;
    for (const name of doors.keys()) leases.set(name, market.rent(stall.offering));
    for (const [name, door] of doors)
      await pulse.until(
        `visits to one that ${name}`,
        () => door.visits >= VISITS,
        () => host.lately,
      );

    const honest = market.rent(stall.offering);
    await expectOrder(world, [honest]);
    const health = () => market.core.state.health.get(honest.contract) ?? [];
    await pulse.until('its health', () => health().length > 2);
    expect(new Set(health().map((row) => row.status))).toEqual(new Set(['healthy']));

    for (const [name, { contract }] of leases)
      expect([name, market.row(contract).status]).toEqual([name, 'provisioning']);
    for (const [name, door] of doors) {
      expect([name, door.mostAtOnce]).toEqual([name, 1]);
      expect(door.mostBytes, name).toBeLessThan(MOST_BYTES_A_VISIT);
    }
    const pid = await agentPid(host);
    expect(await memoryKb(pid)).toBeLessThan(MOST_MEMORY_KB);
    expect((await readdir(`/proc/${pid}/fd`)).length).toBeLessThan(MOST_HANDLES);
  });

  test('are removed when their contracts end, and nobody knocks at them any more', async () => {
    const { market, backend, pulse } = world;
    for (const { contract } of leases.values()) market.core.admin.cancel(contract);
    const ended = new Set<string | undefined>([...leases.values()].map(({ contract }) => contract));
    await pulse.until(
      'the removal of all of them',
      async () => (await backend.machines()).every(({ contract }) => !ended.has(contract)),
      () => host.lately,
    );
    await pulse.until('the last visit', () => [...doors.values()].every(({ open }) => open === 0));
    expect(await host.stop()).toEqual({ code: 0, signal: null });
  });
});

interface Door {
  readonly port: number;
  readonly visits: number;
  readonly open: number;
  readonly mostAtOnce: number;
  /** The most that one visitor let itself be sent. */
  readonly mostBytes: number;
  close(): void;
}

async function openDoor(behave: (socket: Socket) => void): Promise<Door> {
  const sockets = new Set<Socket>();
  let visits = 0;
  let mostAtOnce = 0;
  let mostBytes = 0;
  const server: Server = createServer((socket) => {
    visits++;
    sockets.add(socket);
    mostAtOnce = Math.max(mostAtOnce, sockets.size);
    socket.on('error', () => {});
    socket.on('close', () => {
      mostBytes = Math.max(mostBytes, socket.bytesWritten - socket.writableLength);
      sockets.delete(socket);
    });
    behave(socket);
    // Who reads nothing does not see either that the visitor has left.
    socket.resume();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    get visits() {
      return visits;
    },
    get open() {
      return sockets.size;
    },
    get mostAtOnce() {
      return mostAtOnce;
    },
    get mostBytes() {
      return mostBytes;
    },
    close() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

/** For as long as somebody takes it. */
function flood(socket: Socket, chunk: string | Buffer): void {
  const more = (): void => {
    while (!socket.destroyed && socket.write(chunk));
  };
  socket.on('drain', more);
  more();
}

async function agentPid(host: Host): Promise<number> {
  const { pid } = JSON.parse((await host.dc('status', '--json')).out);
  return pid;
}

async function memoryKb(pid: number): Promise<number> {
  const [, kb] = /^VmRSS:\s+(\d+) kB$/m.exec(await readFile(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kb);
}
