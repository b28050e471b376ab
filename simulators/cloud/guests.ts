import type ssh2Module from 'ssh2';
import type { GuestFacts } from '../sandbox/guest-commands.ts';
import { keyPair } from '../sandbox/key-pair.ts';
import { createSshDoors } from './ssh-doors.ts';
import { sshGuest } from './ssh-guest.ts';

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
  const ownKeys = new Map<string, string>();
  const doors = createSshDoors(port, {
    knocked(address, socket) {
      const guest = host.guests().find((each) => each.address === address);
      if (guest?.ready === true) answer(ssh2, guest).injectSocket(socket);
      else socket.destroy();
    },
    failed: (address, error) => onProblem(`${address}:${port} could not be taken (${error.message})`),
  });

  function look(): void {
    const guests = new Map(host.guests().map((guest) => [guest.address, guest]));
    for (const address of doors.addresses) {
      if (guests.get(address)?.ready === true) continue;
      doors.drop(address);
      if (guests.has(address)) continue;
      ownKeys.delete(address);
      doors.shut(address);
    }
    for (const address of guests.keys()) if (!doors.has(address)) doors.open(address);
  }

  /** A machine whose host key nobody ordered makes one at its first start, and keeps it. */
  function answer(ssh: typeof ssh2Module, guest: Guest): ssh2Module.Server {
    const hostKey = guest.hostKey ?? ownKeys.get(guest.address) ?? keyPair(ssh).private;
    ownKeys.set(guest.address, hostKey);
    return sshGuest(ssh, hostKey, { ...guest, password: 'never' });
  }

  const unlisten = host.onChange(look);
  look();
  return {
    async close() {
      unlisten();
      await doors.close();
    },
  };
}
