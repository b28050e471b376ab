import type { Pve } from '../call.ts';
import type { Guest, GuestBehaviour } from '../state.ts';

export interface NewGuest {
  readonly vmid: number;
  readonly node: string;
  readonly config: Map<string, string>;
  readonly lock?: string;
  readonly guest?: GuestBehaviour;
}

/** Puts a machine into the cluster, off and in no pool. */
export function newGuest(pve: Pve, { vmid, node, config, lock, guest }: NewGuest): Guest {
  const made: Guest = {
    vmid,
    node,
    config,
    template: false,
    status: 'stopped',
    ...(lock === undefined ? {} : { lock }),
    createdAt: pve.clock.now(),
    traffic: { in: 0, out: 0 },
    guest: guest ?? { agent: true, acpi: true, addresses: {} },
    firewall: { options: new Map(), rules: [], ipsets: new Map() },
  };
  // A copy has a MAC of its own, so DHCP takes it for another machine.
  made.guest.addresses = freshLease(pve, node);
  pve.cluster.guests.set(vmid, made);
  return made;
}

/** Takes a machine out of the cluster, unless somebody else has its id by now. */
export function forgetGuest(pve: Pve, guest: Guest): void {
  if (pve.cluster.guests.get(guest.vmid) === guest) pve.cluster.guests.delete(guest.vmid);
}

/** What DHCP would give it: an address of the first bridge's network that nobody has. */
function freshLease(pve: Pve, node: string): { ipv4?: string } {
  const cidr = [...(pve.cluster.nodes.get(node)?.bridges.values() ?? [])].find((bridge) => bridge.cidr)?.cidr;
  const network = /^(\d+\.\d+\.\d+)\.\d+\/\d+$/.exec(cidr ?? '')?.[1];
  if (network === undefined) return {};
  const taken = new Set([...pve.cluster.guests.values()].map(({ guest }) => guest.addresses.ipv4));
  // Beyond the first network of 150 leases the third number counts on, so that a test may have thousands of machines.
  const [a = '10', b = '0', c = '0'] = network.split('.');
  for (let index = 0; ; index++) {
    const address = `${a}.${b}.${(Number(c) + Math.floor(index / 150)) % 256}.${100 + (index % 150)}`;
    if (!taken.has(address)) return { ipv4: address };
  }
}
