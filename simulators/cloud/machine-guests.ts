import type ssh2Module from 'ssh2';
import { keyPair } from '../sandbox/key-pair.ts';
import { createSshDoors } from './ssh-doors.ts';
import { type SshGuest, sshGuest } from './ssh-guest.ts';

/** A machine, as far as its door has to know it. */
export interface Machine<Id> {
  readonly id: Id;
  readonly address: string | undefined;
  readonly power: 'running' | 'off';
}

/** The inside of one machine, as an SSH client meets it. */
export interface MachineGuest<Id> extends SshGuest {
  readonly id: Id;
  /** False while it boots or is off: nothing answers at its address. */
  readonly ready: boolean;
  /** The host key that the user data or the disk bring, as OpenSSH writes it. */
  readonly ownHostKey: string | undefined;
  /** The one that it made at an earlier connection. */
  readonly madeHostKey: string | undefined;
}

/** A cloud that remembers the host keys of its machines itself. */
export interface MachineHost<Id> {
  /** What a machine is called in a sentence: `server`, `instance`. */
  readonly noun: string;
  machines(): readonly Machine<Id>[];
  guestAt(address: string): MachineGuest<Id> | undefined;
  onChange(listener: (machine: Machine<Id>) => void): () => void;
  setHostKey(id: Id, privateKey: string): void;
  /** Does nothing when there is no such machine any more. */
  powerOff(id: Id): void;
}

export interface Guests {
  /** Ends every session and frees every port. */
  close(): Promise<void>;
}

/**
 * Plays the guests: a real SSH server at the IPv4 address of every machine that has run, on `port`. One that boots or is off drops
 * the connection. `onProblem` hears of addresses that could not be taken; such a machine is switched off.
 */
export async function startMachineGuests<Id extends string | number>(
  host: MachineHost<Id>,
  { port, onProblem }: { port: number; onProblem: (problem: string) => void },
): Promise<Guests> {
  // Loaded here, because only whoever plays guests should pay for it.
  const { default: ssh2 } = await import('ssh2');
  const { noun } = host;
  const owners = new Map<string, Id>();
  const doors = createSshDoors(port, {
    knocked(address, socket) {
      const guest = host.guestAt(address);
      if (guest?.ready) answer(ssh2, guest).injectSocket(socket);
      else socket.destroy();
    },
    failed(address, error) {
      const id = owners.get(address);
      doors.shut(address);
      onProblem(`${noun} ${id} was switched off: ${address}:${port} could not be taken (${error.message})`);
      if (id !== undefined) host.powerOff(id);
    },
  });

  function look({ id, address, power }: Machine<Id>): void {
    for (const each of doors.addresses) if (!host.guestAt(each)) doors.shut(each);
    if (address === undefined) return;
    if (power === 'off') return doors.drop(address);
    if (doors.has(address)) return;
    owners.set(address, id);
    doors.open(address);
  }

  /** Made anew for every connection, because a rebuilt machine has another host key. */
  function answer(ssh: typeof ssh2Module, guest: MachineGuest<Id>): ssh2Module.Server {
    const { id, ownHostKey: ordered } = guest;
    const broken = ordered !== undefined && ssh.utils.parseKey(ordered) instanceof Error;
    if (broken)
      onProblem(`${noun} ${id} has another host key than the one that its user data orders, which cannot be read`);
    const own = ordered === undefined || broken ? guest.madeHostKey : ordered;
    const hostKey = own ?? keyPair(ssh).private;
    if (own === undefined) host.setHostKey(id, hostKey);
    return sshGuest(ssh, hostKey, guest);
  }

  const unlisten = host.onChange(look);
  for (const machine of host.machines()) look(machine);
  return {
    async close() {
      unlisten();
      await doors.close();
    },
  };
}
