import { type Guests, type Machine, type MachineGuest, startMachineGuests } from '../cloud/machine-guests.ts';
import type { VultrCore } from './core.ts';
import type { GuestAnswer } from './guest.ts';
import type { Instance } from './state.ts';

/** Plays the guests, see `simulators/cloud/machine-guests.ts`. Root comes in by key, and by the password that the API told. */
export function startGuests(
  core: VultrCore,
  options: { port: number; onProblem: (problem: string) => void },
): Promise<Guests> {
  return startMachineGuests(
    {
      noun: 'instance',
      machines: () => [...core.account.instances.values()].map(machine),
      guestAt(address) {
        const found = core.guestAt(address);
        return found && guest(found);
      },
      onChange: (listener) => core.onChange((instance) => listener(machine(instance))),
      setHostKey: (id, key) => core.setHostKey(id, key),
      powerOff(id) {
        if (core.account.instances.has(id)) core.admin.powerOff(id);
      },
    },
    options,
  );
}

function machine({ id, ipv4, power }: Readonly<Instance>): Machine<string> {
  return { id, address: ipv4, power: power === 'running' ? 'running' : 'off' };
}

function guest({ instance, ready, authorizedKeys, password, ownHostKey, uptimeMs }: GuestAnswer): MachineGuest<string> {
  return {
    id: instance.id,
    ready,
    authorizedKeys,
    password: { is: password },
    ownHostKey,
    madeHostKey: instance.hostKey,
    facts: {
      hostname: instance.hostname,
      uptimeMs,
      cpuCores: instance.plan.vcpus,
      memoryMb: instance.plan.ram,
      diskGb: instance.plan.disk,
      environment: { USER: 'root', HOME: '/root' },
    },
  };
}
