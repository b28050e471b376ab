import type { CallContext, Finding } from '../../src/provisioner/index.ts';
import { addressesFree } from './address.ts';
import type { Backend } from './backend.ts';
import { reasonOf } from './errors.ts';
import { staticIpv4 } from './machine.ts';
import { viewCluster } from './view.ts';

/** Bridge, firewall, addresses. */
export async function checkNetwork(backend: Backend, ctx: CallContext): Promise<Finding[]> {
  const firewall = await datacenterFirewall(backend, ctx);
  return [
    ...(await bridge(backend, ctx)),
    ...guard(backend, firewall),
    ...flat(backend, firewall),
    ...(await addresses(backend, ctx)),
  ];
}

type Switch = 'on' | 'off' | 'unseen';

async function datacenterFirewall({ pve }: Backend, { signal }: CallContext): Promise<Switch> {
  try {
    return (await pve.cluster.firewallEnabled(signal)) ? 'on' : 'off';
  } catch (error) {
    if (reasonOf(error) === 'no-right') return 'unseen';
    throw error;
  }
}

async function bridge({ pve, settings }: Backend, { signal }: CallContext): Promise<Finding[]> {
  const { bridge: name, node } = settings;
  if (name === undefined) return [];
  const seen = await pve.nodes.bridges(node, signal);
  if (seen.some(({ iface }) => iface === name)) {
    return [{ level: 'pass', code: 'proxmox.bridge.ok', title: `Bridge '${name}' is on node '${node}'` }];
  }
  return [
    {
      level: 'fail',
      code: 'proxmox.bridge.missing',
      title: `Node '${node}' has no bridge '${name}' that the token may use; machines on it would not start`,
      remedy: `Correct 'bridge', or give the token SDN.Use on /sdn/zones/localnetwork/${name}.`,
    },
  ];
}

function guard({ settings }: Backend, firewall: Switch): Finding[] {
  if (!settings.firewall) {
    return [
      {
        level: 'warn',
        code: 'proxmox.firewall.unused',
        title: "'firewall' is false: a machine can use the addresses of others",
        remedy: "Set 'firewall' to true, unless something else keeps machines apart.",
      },
    ];
  }
  if (firewall === 'on') {
    return [{ level: 'pass', code: 'proxmox.firewall.ok', title: 'Machines cannot use the addresses of others' }];
  }
  if (firewall === 'unseen') {
    return [
      {
        level: 'skip',
        code: 'proxmox.firewall.unseen',
        title:
          "Whether the datacenter's firewall is on cannot be seen (Sys.Audit on /); without it machines are not guarded",
      },
    ];
  }
  return [
    {
      level: 'warn',
      code: 'proxmox.firewall.off',
      title: "The datacenter's firewall is off, so a machine can use the addresses of others",
      remedy:
        'Switch it on under Datacenter, Firewall, Options. It then guards the nodes too: allow ports 8006 and 22 from where you sit first.',
    },
  ];
}

/** On one flat network tenants see each other's broadcasts, and the provider's own hosts. */
function flat({ settings }: Backend, firewall: Switch): Finding[] {
  if (settings.vlan_tag !== undefined || (settings.firewall && firewall === 'on')) return [];
  return [
    {
      level: 'warn',
      code: 'proxmox.network.flat',
      title: 'Machines are on one network with each other, and with whatever else is on their bridge',
      remedy: "Give them a bridge or VLAN of their own ('bridge', 'vlan_tag') that does not lead to the nodes.",
    },
  ];
}

const FEW = 3;

async function addresses(backend: Backend, ctx: CallContext): Promise<Finding[]> {
  const pool = backend.settings.address;
  if (pool === 'dhcp') return [];
  const { rows } = await viewCluster(backend, ctx);
  const { machines } = await backend.registry.survey(rows, ctx);
  const taken = machines.map(({ machine }) => staticIpv4(machine.config)).filter((address) => address !== undefined);
  const free = addressesFree(pool, new Set(taken));
  if (free >= FEW) return [{ level: 'pass', code: 'proxmox.address.ok', title: `${free} addresses are free` }];
  return [
    {
      level: 'warn',
      code: 'proxmox.address.few',
      title: `Only ${free} addresses are left in ${pool.cidr}`,
      remedy: "Extend 'address'.",
    },
  ];
}
