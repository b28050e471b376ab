import { type Guests, type Machine, type MachineGuest, startMachineGuests } from '../cloud/machine-guests.ts';
import type { HetznerCore } from './core.ts';
import type { GuestAnswer } from './guest.ts';
import type { Server } from './state.ts';

/** Plays the guests, see `simulators/cloud/machine-guests.ts`. Root comes in by key, and by the password that the API told. */
export function startGuests(
  core: HetznerCore,
  options: { port: number; onProblem: (problem: string) => void },
): Promise<Guests> {
  const machine = ({ id, ipv4, status }: Readonly<Server>): Machine<number> => ({
    id,
    address: core.project.primaryIps.get(ipv4 ?? 0)?.ip,
    power: status === 'running' ? 'running' : 'off',
  });
  return startMachineGuests(
    {
      noun: 'server',
      machines: () => [...core.project.servers.values()].map(machine),
      guestAt(address) {
        const found = core.guestAt(address);
        return found && guest(found);
      },
      onChange: (listener) => core.onChange((server) => listener(machine(server))),
      setHostKey: (id, key) => core.setHostKey(id, key),
      powerOff(id) {
        if (core.project.servers.has(id)) core.admin.powerOff(id);
      },
    },
    options,
  );
}

function guest({ server, ready, authorizedKeys, password, ownHostKey, uptimeMs }: GuestAnswer): MachineGuest<number> {
  return {
    id: server.id,
    ready,
    authorizedKeys,
    password: { is: password },
    ownHostKey,
    madeHostKey: server.hostKey,
    facts: {
      hostname: server.name,
      uptimeMs,
      cpuCores: server.type.cores,
      memoryMb: server.type.memory * 1024,
      diskGb: server.diskGb,
      environment: { USER: 'root', HOME: '/root' },
    },
  };
}
