import { randomInt } from 'node:crypto';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { readStamp } from '../../../provisioners/proxmox/stamp.ts';
import type { Personality } from '../../../simulators/proxmox/call.ts';
import { type DevProxmox, startDevProxmox } from '../../../simulators/proxmox/dev.ts';
import { sshGuests } from '../../../simulators/proxmox/guests/ssh.ts';
import { ipConfig } from '../../../simulators/proxmox/qemu/cloud-init.ts';
import { newGuest } from '../../../simulators/proxmox/qemu/guests.ts';
import type { Guest, GuestDriver } from '../../../simulators/proxmox/state.ts';
import { systemClock } from '../../../src/ports/clock.ts';
import type { Backend, SeenMachine } from './backend.ts';
import type { Pulse } from './pulse.ts';

/** Quick, because how long a host takes is not what is tried here. */
const QUICK = {
  linkedCloneMs: 60,
  configMs: 5,
  resizeMs: 20,
  startMs: 40,
  agentMs: 40,
  addressMs: 50,
  stopMs: 20,
  shutdownMs: 40,
  destroyMs: 30,
  statdMs: 500,
};
const BOOT_MS = 50;

export interface ProxmoxBackend extends Backend {
  readonly host: DevProxmox;
  /** Every machine that was ever switched on, by contract. */
  readonly made: ReadonlyMap<string, ReadonlySet<string>>;
  readonly problems: readonly string[];
  guest(id: string): Guest;
  guestOf(contract: string): Guest | undefined;
  machines(): SeenMachine[];
  /** A running machine of somebody else. Returns its id. */
  addStranger(stranger: { readonly vmid: number; readonly name: string; readonly description?: string }): string;
  /** Calls that changed something about this machine, or tried to. */
  writesTo(id: string): string[];
  /** How every worker's task of this type has ended. */
  ends(type: string): (string | undefined)[];
  /** The disks of a machine, as the host lists them. */
  volumesOf(id: string): string[];
}

export interface ProxmoxChoices {
  readonly personality: Personality;
  /** What gives the machines an inside, and where they get their address. Default: SSH servers on loopback addresses. */
  readonly inside?: { readonly driver: GuestDriver; readonly settings: () => string };
}

/** A simulated host behind real TLS, believed by the fingerprint of its certificate. */
export function proxmoxBackend({ personality, inside = loopbackMachines() }: ProxmoxChoices) {
  return async (_home: string, pulse: Pulse): Promise<ProxmoxBackend> => {
    const made = new Map<string, Set<string>>();
    const problems: string[] = [];
    const host = await startDevProxmox({
      personality,
      nodes: [{ name: 'pve', cores: 64, memoryGb: 512 }],
      diskGb: 10_000,
      timings: QUICK,
      driver: told(inside.driver, pulse, (guest) => {
        const contract = ownStamp(guest)?.contract;
        if (contract !== undefined) made.set(contract, (made.get(contract) ?? new Set()).add(uidOf(guest)));
      }),
      onProblem: (problem) => void problems.push(problem),
    });
    const { core, pool, role } = host.playground;
    if (personality === '9.1') grantGuestAgent(core.cluster.roles.get(role));
    const [, target = ''] = host.configuration.split('[provisioner.proxmox]\n');
    const { guests } = core.cluster;
    const node = core.cluster.nodes.get('pve');
    const guest = (id: string): Guest => {
      const found = guests.get(Number(id));
      if (found === undefined) throw new Error(`there is no machine ${id}`);
      return found;
    };
    return {
      type: 'proxmox',
      // Read once for each host.
      get settings() {
        return `${target}${inside.settings()}`;
      },
      host,
      made,
      problems,
      guest,
      guestOf: (contract) => [...guests.values()].find((one) => ownStamp(one)?.contract === contract),
      machines: () => [...guests.values()].filter(({ template }) => !template).map(seen),
      addStranger({ vmid, name, description = 'made by hand' }) {
        const config = new Map(Object.entries({ name, description, memory: '512', cores: '1', onboot: '1' }));
        const stranger = newGuest(core.pve, { vmid, node: 'pve', config });
        stranger.pool = pool;
        stranger.status = 'running';
        stranger.startedAt = systemClock.now();
        return String(vmid);
      },
      writesTo: (id) => core.calls.filter((call) => !call.startsWith('GET ') && `${call}/`.includes(`/qemu/${id}/`)),
      ends: (type) =>
        core.tasks
          .of('pve')
          .filter((task) => task.type === type)
          .map(({ exitStatus }) => exitStatus),
      volumesOf: (id) =>
        [...(node?.volumes.values() ?? [])]
          .filter(({ vmid }) => vmid === Number(id))
          .map(({ volid, createdAt }) => `${volid} of ${createdAt}`)
          .sort(),
      close: () => host.close(),
    };
  };
}

/** Why machines cannot have their SSH servers on the port that tenants are told; undefined when they can. */
export async function whyNoDoors(): Promise<string | undefined> {
  const server = createServer();
  try {
    await listening(server, someNetwork().replace('0/24', '2'));
    return undefined;
  } catch (error) {
    return `port ${SSH_PORT} of a loopback address cannot be taken: ${String(error)}`;
  } finally {
    server.close();
  }
}

const SSH_PORT = 22;

/** Tests at the same time have different ones. */
function someNetwork(): string {
  return `127.${randomInt(64, 255)}.${randomInt(1, 255)}.0/24`;
}

/** Machines in this process whose SSH servers are found where tenants look for them: on port 22 of an address of their own. */
function loopbackMachines(): NonNullable<ProxmoxChoices['inside']> {
  const onProblem = (problem: string): void => {
    throw new Error(problem);
  };
  const servers = sshGuests({ clock: systemClock, bootMs: BOOT_MS, onProblem });
  const doors = new Map<Guest, () => Promise<void>>();
  const shut = async (guest: Guest): Promise<void> => {
    const door = doors.get(guest);
    doors.delete(guest);
    await door?.();
  };
  return {
    // A range belongs to one agent.
    settings: () => `address = { cidr = "${someNetwork()}" }`,
    driver: {
      ...servers,
      async started(guest, documents) {
        await servers.started(guest, documents);
        await shut(guest);
        const address = ipConfig(guest.config.get('ipconfig0')).get('ip')?.split('/')[0];
        const inside = guest.guest.ssh;
        if (address !== undefined && inside !== undefined) doors.set(guest, await openDoor(address, inside));
      },
      async stopped(guest) {
        await shut(guest);
        await servers.stopped(guest);
      },
      async destroyed(guest) {
        await shut(guest);
        await servers.destroyed(guest);
      },
      async close() {
        await Promise.all([...doors.keys()].map(shut));
        await servers.close();
      },
    },
  };
}

/** Leads from the machine's address to where its SSH server is. */
async function openDoor(address: string, { host, port }: { host: string; port: number }): Promise<() => Promise<void>> {
  const sockets = new Set<Socket>();
  const server = createServer((outer) => {
    const inner = connect(port, host);
    for (const [socket, other] of [
      [outer, inner],
      [inner, outer],
    ] as const) {
      sockets.add(socket);
      socket.on('error', () => other.destroy());
      socket.once('close', () => {
        sockets.delete(socket);
        other.destroy();
      });
      socket.pipe(other);
    }
  });
  await listening(server, address);
  return () =>
    new Promise((resolve) => {
      server.close(() => resolve());
      for (const socket of sockets) socket.destroy();
    });
}

function listening(server: Server, address: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(SSH_PORT, address, resolve);
  });
}

/** The same driver; whatever happens to a machine is a beat. */
function told(driver: GuestDriver, pulse: Pulse, onStart: (guest: Guest) => void): GuestDriver {
  const after = async (done: Promise<void>): Promise<void> => {
    await done;
    pulse.beat();
  };
  return {
    ...driver,
    started(guest, documents) {
      onStart(guest);
      return after(driver.started(guest, documents));
    },
    stopped: (guest) => after(driver.stopped(guest)),
    destroyed: (guest) => after(driver.destroyed(guest)),
  };
}

/** On 9 keys and passwords need more than the day's work does; on 8 VM.Monitor is all of it. */
function grantGuestAgent(role: Set<string> | undefined): void {
  for (const right of ['FileRead', 'FileWrite', 'Unrestricted']) role?.add(`VM.GuestAgent.${right}`);
}

function uidOf({ vmid, createdAt }: Guest): string {
  return `${vmid} of ${createdAt}`;
}

/** A stamp that a copy brought along is none. */
function ownStamp({ vmid, config }: Guest): ReturnType<typeof readStamp> {
  const stamp = readStamp(config.get('description'));
  return stamp?.vmid === vmid ? stamp : undefined;
}

function seen(guest: Guest): SeenMachine {
  const stamp = ownStamp(guest);
  return {
    id: String(guest.vmid),
    uid: uidOf(guest),
    contract: stamp?.contract,
    agent: stamp?.agent,
    running: guest.status === 'running',
  };
}
