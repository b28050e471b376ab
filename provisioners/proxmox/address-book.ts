import type { Log } from '../../src/provisioner/index.ts';
import { type Addresses, addressesOf } from './address.ts';
import type { Machine } from './judge.ts';
import { macOf, staticIpv4 } from './machine.ts';
import type { GuestInterface } from './wire-agent.ts';

export interface AddressBook {
  /** What is known without asking the guest. */
  known(machine: Machine): Addresses;
  /** Takes down what a guest says of itself, as far as it can be believed. */
  heard(machine: Machine, claims: readonly GuestInterface[], log: Log): Addresses;
  /** True when this machine's agent has answered this process before. */
  hasAnswered(machine: Machine): boolean;
  forget(vmid: number): void;
  /** Forgets machines that are not among these: what they had is somebody else's by now, by the next lease. */
  keepOnly(vmids: ReadonlySet<number>): void;
}

interface Entry {
  /** Another card is another machine, or one that was rebuilt. */
  readonly mac: string | undefined;
  readonly addresses: Addresses;
}

/**
 * Addresses that machines were seen with. A tenant can make the guest agent say anything, so an address that another machine was seen
 * with first is not believed: routes and names follow what is returned here.
 */
export function createAddressBook(): AddressBook {
  const entries = new Map<number, Entry>();

  function entryOf({ vmid, config }: Machine): Entry | undefined {
    const entry = entries.get(vmid);
    return entry?.mac === macOf(config) ? entry : undefined;
  }

  function isAnothers(vmid: number, address: string): boolean {
    return [...entries].some(
      ([other, { addresses }]) => other !== vmid && (addresses.ipv4 === address || addresses.ipv6 === address),
    );
  }

  return {
    known(machine) {
      const fixed = staticIpv4(machine.config);
      return { ...entryOf(machine)?.addresses, ...(fixed === undefined ? {} : { ipv4: fixed }) };
    },
    heard(machine, claims, log) {
      const { vmid } = machine;
      const claimed = addressesOf(machine.config, claims);
      const believed = Object.fromEntries(
        Object.entries(claimed).filter(([family, address]: [string, string]) => {
          if (!isAnothers(vmid, address)) return true;
          log.warn({ vmid, family, address }, 'proxmox: a guest claims the address of another machine');
          return false;
        }),
      ) as Addresses;
      const addresses = { ...entryOf(machine)?.addresses, ...believed };
      entries.set(vmid, { mac: macOf(machine.config), addresses });
      return addresses;
    },
    hasAnswered: (machine) => entryOf(machine) !== undefined,
    forget: (vmid) => void entries.delete(vmid),
    keepOnly(vmids) {
      for (const vmid of entries.keys()) if (!vmids.has(vmid)) entries.delete(vmid);
    },
  };
}
