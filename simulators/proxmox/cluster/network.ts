import { type Call, died, type Endpoint } from '../call.ts';
import { FLAG, NODE, optional } from '../rules.ts';
import type { Node } from '../state.ts';
import { nodeNamed } from './nodes.ts';

const KINDS = [
  'bridge',
  'bond',
  'eth',
  'alias',
  'vlan',
  'fabric',
  'OVSBridge',
  'OVSBond',
  'OVSPort',
  'OVSIntPort',
  'vnet',
  'any_bridge',
  'any_local_bridge',
  'include_sdn',
];

export const networkEndpoints: readonly Endpoint[] = [
  {
    method: 'GET',
    path: '/nodes/{node}/network',
    params: {
      node: NODE,
      type: {
        type: 'string',
        optional: true,
        enum: KINDS,
        in: { '8.4': { enum: KINDS.filter((kind) => kind !== 'fabric' && kind !== 'include_sdn') } },
      },
    },
    permission: 'all',
    handle: list,
  },
  {
    method: 'GET',
    path: '/nodes/{node}/network/{iface}',
    params: { node: NODE, iface: { type: 'string', format: 'pve-iface', minLength: 2, maxLength: 20 } },
    permission: ['perm', '/nodes/{node}', ['Sys.Audit']],
    handle({ pve, params }) {
      const bridge = bridges(nodeNamed(pve, params.text('node'))).find(({ iface }) => iface === params.text('iface'));
      if (!bridge) throw died(`interface does not exist`);
      const { iface: _, ...rest } = bridge;
      return rest;
    },
  },
  // No software-defined network is ever configured; the built-in zone `localnetwork` is not in the list.
  {
    method: 'GET',
    path: '/cluster/sdn/zones',
    params: {
      pending: optional(FLAG),
      running: optional(FLAG),
      type: { type: 'string', optional: true, enum: ['evpn', 'faucet', 'qinq', 'simple', 'vlan', 'vxlan'] },
    },
    permission: 'all',
    handle: () => [],
  },
  {
    method: 'GET',
    path: '/cluster/sdn/vnets',
    params: { pending: optional(FLAG), running: optional(FLAG) },
    permission: 'all',
    handle: () => [],
  },
];

/** Bridges only for whom may use them; other interfaces there are none. */
function list({ pve, params, may }: Call): unknown[] {
  const kind = params.textOr('type', undefined);
  if (kind !== undefined && !['bridge', 'any_bridge', 'any_local_bridge', 'include_sdn'].includes(kind)) return [];
  return bridges(nodeNamed(pve, params.text('node'))).filter(({ iface }) => {
    const path = `/sdn/zones/localnetwork/${iface}`;
    return may(path, 'SDN.Audit') || may(path, 'SDN.Use');
  });
}

function bridges(node: Node): { iface: string; [key: string]: unknown }[] {
  return [...node.bridges].map(([iface, { cidr, vlanAware }]) => {
    const [address, netmask] = cidr?.split('/') ?? [];
    return {
      iface,
      type: 'bridge',
      active: 1,
      autostart: 1,
      priority: 3,
      families: ['inet'],
      method: cidr === undefined ? 'manual' : 'static',
      method6: 'manual',
      bridge_ports: '',
      bridge_stp: 'off',
      bridge_fd: '0',
      ...(cidr === undefined ? {} : { address, netmask, cidr }),
      ...(vlanAware ? { bridge_vlan_aware: 1, bridge_vids: '2-4094' } : {}),
    };
  });
}
