import { BlockList, isIPv4 } from 'node:net';
import type { AgentId } from '../../../ports/ids.ts';
import { Failure } from '../../failure.ts';
import type { GatewayWish } from './options.ts';
import type { GatewayFacts } from './survey.ts';

/** The keys of `[gateway]` that the set-up decides about, as TOML. */
export interface GatewayChoice {
  readonly publicIp: string;
  /** Present where the public address is a router's, who forwards to this one. */
  readonly localIp?: string;
  readonly dcId: string;
  readonly tenantNetwork: string;
  readonly bridges: readonly string[];
  readonly web: 'caddy' | 'off';
  readonly certificates: 'acme-dns' | 'internal';
}

/** What the configuration's `[gateway]` already says. */
export type Standing = Readonly<Record<string, unknown>>;

const DEFAULT_NETWORK = '10.77.0.0/16';
/** Not from outside: RFC 1918, 6598, 3927, 1122. */
const PRIVATE = blocks(
  '10.0.0.0/8',
  '172.16.0.0/12',
  '192.168.0.0/16',
  '100.64.0.0/10',
  '169.254.0.0/16',
  '127.0.0.0/8',
);

/** Chooses what was not asked for. Pure; throws Failure where nobody but the operator can know. */
export function decideGateway(
  wish: GatewayWish,
  facts: GatewayFacts,
  standing: Standing,
  agent: AgentId,
): GatewayChoice {
  const publicIp = wish.publicIp ?? textOf(standing, 'public_ip') ?? onlyPublic(facts);
  const tenantNetwork = wish.tenantNetwork ?? textOf(standing, 'tenant_network') ?? DEFAULT_NETWORK;
  const overlap = facts.addresses.find(
    ({ address, network }) => overlaps(tenantNetwork, network) && !isOwn(tenantNetwork, address),
  );
  if (overlap !== undefined) {
    throw new Failure({
      what: `the machines' network ${tenantNetwork} overlaps ${overlap.network} of this host`,
      next: 'Choose a private network that is used nowhere here:',
      command: 'dc-agent setup gateway --tenant-network 10.99.0.0/16',
    });
  }
  return {
    publicIp,
    ...localOf(publicIp, facts, standing),
    // Of this very host: two hosts with one id would take each other's certificate account away.
    dcId: wish.dcId ?? textOf(standing, 'dc_id') ?? `dc-${agent.slice(0, 8)}`,
    tenantNetwork,
    bridges: wish.bridges,
    web: wish.web ? 'caddy' : 'off',
    certificates: wish.certificates === 'internal' ? 'internal' : 'acme-dns',
  };
}

function onlyPublic(facts: GatewayFacts): string {
  const [first, ...others] = facts.addresses.map(({ address }) => address).filter((address) => !PRIVATE.check(address));
  if (first !== undefined && others.length === 0) return first;
  throw new Failure({
    what:
      first === undefined
        ? 'this host has no public address of its own'
        : `this host has several public addresses: ${[first, ...others].join(', ')}`,
    next: 'Say under which one tenants are to reach it:',
    command: `dc-agent setup gateway --public-ip ${first ?? 'ADDRESS'}`,
  });
}

/** A router in front translates the public address to one of ours, and the kernel sees only that. */
function localOf(publicIp: string, { addresses }: GatewayFacts, standing: Standing): { localIp?: string } {
  if (addresses.some(({ address }) => address === publicIp)) return {};
  const known = textOf(standing, 'local_ip');
  if (known !== undefined) return { localIp: known };
  const own = addresses.map(({ address }) => address).filter((address) => !address.startsWith('127.'));
  const [only, ...others] = own;
  if (only !== undefined && others.length === 0) return { localIp: only };
  throw new Failure({
    what: `no interface of this host has the address ${publicIp}`,
    details: [`Its addresses: ${own.join(', ')}`],
    next: 'If a router translates it, write local_ip = "…" with the address that it forwards to into [gateway], and run this again.',
  });
}

/** A bridge of ours has the network's first address already, when this is run again. */
function isOwn(network: string, address: string): boolean {
  const [base = ''] = network.split('/');
  return addressNumber(address) === addressNumber(base) + 1;
}

function overlaps(one: string, other: string): boolean {
  const contains = (network: string, address: string): boolean => blocks(network).check(address);
  const base = (network: string): string => network.split('/')[0] ?? '';
  return contains(one, base(other)) || contains(other, base(one));
}

function blocks(...networks: readonly string[]): BlockList {
  const list = new BlockList();
  for (const network of networks) {
    const [address = '', length = '32'] = network.split('/');
    if (!isIPv4(address))
      throw new Failure({ what: `${network} is no IPv4 network`, next: 'Write it as 10.77.0.0/16.' });
    list.addSubnet(address, Number(length), 'ipv4');
  }
  return list;
}

function addressNumber(address: string): number {
  return address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
}

function textOf(standing: Standing, key: string): string | undefined {
  const value = standing[key];
  return typeof value === 'string' ? value : undefined;
}
