import type { CallContext } from '../../src/provisioner/index.ts';
import type { Backend } from './backend.ts';
import { reasonOf } from './errors.ts';
import type { Machine } from './judge.ts';
import { staticIpv4 } from './machine.ts';

/** The set of addresses that a host lets the first network card send from, by its name. */
const IPSET = 'ipfilter-net0';

/**
 * Keeps a machine from sending with another's addresses: by MAC always, by IPv4 address where it was assigned. Everything else is
 * let through, since what a tenant serves is the tenant's business. Repeatable. Without the datacenter's own switch it is idle.
 *
 * The set is filled before the filter is switched on: an empty one would block the machine.
 */
export async function guardAddresses(
  { pve }: Pick<Backend, 'pve'>,
  machine: Machine,
  { signal }: CallContext,
): Promise<void> {
  const address = staticIpv4(machine.config);
  if (address !== undefined) {
    await unlessThere(pve.firewall.addIpset(machine, IPSET, signal));
    // A clone brings its template's set along.
    const before = await pve.firewall.ipset(machine, IPSET, signal);
    for (const { cidr } of before) {
      if (cidr !== address) await pve.firewall.removeFromIpset(machine, IPSET, cidr, signal);
    }
    if (!before.some(({ cidr }) => cidr === address)) {
      await unlessThere(pve.firewall.addToIpset(machine, IPSET, address, signal));
    }
  }
  await pve.firewall.setOptions(
    machine,
    {
      enable: true,
      macfilter: true,
      ipfilter: address !== undefined,
      dhcp: true,
      ndp: true,
      policy_in: 'ACCEPT',
      policy_out: 'ACCEPT',
    },
    signal,
  );
}

async function unlessThere(call: Promise<void>): Promise<void> {
  try {
    await call;
  } catch (error) {
    if (reasonOf(error) !== 'exists') throw error;
  }
}
