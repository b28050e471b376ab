import { readdir, readFile, stat } from 'node:fs/promises';
import { networkInterfaces } from 'node:os';
import { parseNetwork, toNumber } from './ipam-network.ts';
import type { NetworkSettings } from './plan-settings.ts';

/** How this host's network is set up, as far as the gateway rests on it. */
export interface HostFacts {
  readonly forwarding: boolean;
  readonly forwarding6: boolean;
  readonly addresses: readonly string[];
  /** Of the tenants' interfaces, those that do not exist. */
  readonly missingInterfaces: readonly string[];
  readonly notBridges: readonly string[];
  /** Real network cards that are ports of the tenants' bridges. */
  readonly uplinks: readonly { readonly bridge: string; readonly port: string }[];
  /** Other interfaces with addresses in the tenants' network. */
  readonly foreignUse: readonly { readonly name: string; readonly address: string }[];
}

/** Reads /proc and /sys; needs no privileges. */
export async function readHostFacts({ tenantInterfaces, tenantNetwork }: NetworkSettings): Promise<HostFacts> {
  const addresses = Object.entries(networkInterfaces()).flatMap(([name, list]) =>
    (list ?? []).filter(({ family }) => family === 'IPv4').map(({ address }) => ({ name, address })),
  );
  const { base, size } = parseNetwork(tenantNetwork);
  const inside = (address: string): boolean => toNumber(address) >= base && toNumber(address) < base + size;
  const kinds = await Promise.all(tenantInterfaces.map(async (name) => ({ name, kind: await kindOf(name) })));
  const bridges = kinds.filter(({ kind }) => kind === 'bridge');
  return {
    forwarding: await isOn('ipv4/ip_forward'),
    forwarding6: await isOn('ipv6/conf/all/forwarding'),
    addresses: addresses.map(({ address }) => address),
    missingInterfaces: kinds.filter(({ kind }) => kind === 'missing').map(({ name }) => name),
    notBridges: kinds.filter(({ kind }) => kind === 'other').map(({ name }) => name),
    uplinks: (await Promise.all(bridges.map(({ name }) => cardsOf(name)))).flat(),
    foreignUse:
      tenantInterfaces.length === 0
        ? []
        : addresses.filter(({ name, address }) => inside(address) && !tenantInterfaces.includes(name)),
  };
}

async function isOn(name: string): Promise<boolean> {
  // A kernel without IPv6 has no such file.
  const text = await readFile(`/proc/sys/net/${name}`, 'utf8').catch(() => '0');
  return text.trim() !== '0';
}

const NETWORK = '/sys/class/net';

async function kindOf(name: string): Promise<'missing' | 'bridge' | 'other'> {
  if (!(await exists(`${NETWORK}/${name}`))) return 'missing';
  return (await exists(`${NETWORK}/${name}/bridge`)) ? 'bridge' : 'other';
}

/** What is real hardware has a device; taps, veths and other bridges have none. */
async function cardsOf(bridge: string): Promise<{ bridge: string; port: string }[]> {
  const ports = await readdir(`${NETWORK}/${bridge}/brif`);
  const real = await Promise.all(ports.map((port) => exists(`${NETWORK}/${port}/device`)));
  return ports.filter((_, i) => real[i]).map((port) => ({ bridge, port }));
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
