import { type MachineOrder, ProvisionerError } from '../../src/provisioner/index.ts';
import { ipConfig } from './address.ts';
import type { Params } from './call-request.ts';
import type { Machine } from './judge.ts';
import { macOf, memoryMbOf } from './machine.ts';
import { formatOptions, parseOptions } from './options.ts';
import type { ProxmoxSettings } from './schema.ts';
import { restamp } from './stamp.ts';
import { sameTags, tagsOf } from './tags.ts';
import type { VmConfig } from './wire.ts';

export interface Change {
  readonly set: Params;
  readonly remove: readonly string[];
}

export interface Wish {
  readonly order: MachineOrder;
  readonly settings: ProxmoxSettings;
  /** From the pool; undefined = DHCP. */
  readonly address: string | undefined;
  /** The host's major version. */
  readonly major: number;
}

/**
 * What one configuration call must change in a machine that was just cloned. A clone takes over everything from its template but the
 * network cards' addresses; what an operator's template may have that a tenant's machine must not have is taken out. The stamp's
 * stage changes in the same call, so a machine is either set up whole or not at all.
 */
export function configChange({ config, stamp }: Machine, wish: Wish): Change {
  const wanted = wantedOptions(config, wish);
  const set = Object.fromEntries(Object.entries(wanted).filter(([key, value]) => isDifferent(key, config[key], value)));
  return {
    set: { ...set, description: restamp(config['description'], { ...stamp, stage: 'configured' }) },
    remove: UNWANTED.filter((key) => config[key] !== undefined),
  };
}

/** A password that the template's owner knows; what keeps every removal from working; a number of cores below what is sold. */
const UNWANTED: readonly string[] = ['cipassword', 'protection', 'vcpus'];

function wantedOptions(config: VmConfig, { order, settings, address, major }: Wish): Record<string, string | number> {
  const cores = order.cpuCores;
  const limit = cpuLimit(order, settings, config);
  const memory = order.memoryMb ?? memoryMbOf(config);
  return {
    name: order.name,
    ...(cores === undefined ? {} : { cores: Math.ceil(cores), sockets: 1 }),
    ...(limit === undefined ? {} : { cpulimit: limit }),
    memory,
    // A template may let its memory shrink, which is not what is sold. Without the option it does not.
    ...(config['balloon'] === undefined || config['balloon'] === '0' ? {} : { balloon: memory }),
    ciuser: order.user ?? loginUser(config, settings),
    sshkeys: order.sshKey,
    ipconfig0: networkConfig(config, settings, address),
    ...nameservers(settings),
    // The default upgrades every package at the first boot, which takes minutes. The option came with 8.0.
    ...(major >= 8 ? { ciupgrade: 0 } : {}),
    onboot: settings.onboot ? 1 : 0,
    net0: networkCard(config, settings),
    tags: tagsOf(settings.tags),
  };
}

/** The user that cloud-init puts the tenant's key to. */
export function loginUser(config: VmConfig, { ci_user }: Pick<ProxmoxSettings, 'ci_user'>): string {
  return ci_user ?? config['ciuser'] ?? 'root';
}

/** Cores that the machine may use at most; an order may be for a part of one. */
function cpuLimit(
  { cpuCores }: MachineOrder,
  { cpu_limit: share }: ProxmoxSettings,
  config: VmConfig,
): number | undefined {
  const cores = cpuCores ?? Number(config['cores'] ?? 1);
  if (share === undefined && Number.isInteger(cores)) return config['cpulimit'] === undefined ? undefined : 0;
  return Number((cores * (share ?? 1)).toFixed(2));
}

/** The template's word on IPv6 stays. */
function networkConfig(config: VmConfig, { address: pool }: ProxmoxSettings, address: string | undefined): string {
  const before = parseOptions(config['ipconfig0']);
  const ipv6 = [...before].filter(([key]) => key === 'ip6' || key === 'gw6');
  const ipv4 = pool === 'dhcp' || address === undefined ? 'ip=dhcp' : ipConfig(pool, address);
  return [ipv4, ...ipv6.map(([key, value]) => `${key}=${value}`)].join(',');
}

function nameservers({ address: pool }: ProxmoxSettings): { nameserver?: string } {
  return pool === 'dhcp' || pool.dns === undefined || pool.dns.length === 0 ? {} : { nameserver: pool.dns.join(' ') };
}

/** Written back with its MAC: without one the host would make a new one, and the guest would be another for DHCP. */
function networkCard(config: VmConfig, settings: ProxmoxSettings): string {
  const card = new Map(parseOptions(config['net0']));
  if (macOf(config) === undefined) {
    throw new ProvisionerError('config', 'The machine has no network card net0: give its template one');
  }
  const { bridge, vlan_tag: vlan, net_rate_mbps: rate } = settings;
  if (bridge !== undefined) card.set('bridge', bridge);
  if (vlan !== undefined) card.set('tag', String(vlan));
  if (rate !== undefined) card.set('rate', megabytes(rate));
  if (settings.firewall) card.set('firewall', '1');
  card.delete('link_down');
  return formatOptions(card);
}

/** Proxmox counts in MiB/s: 12.5 becomes a limit of 13107200 B/s. */
function megabytes(megabits: number): string {
  return String(Number(((megabits * 1e6) / 8 / 2 ** 20).toFixed(3)));
}

function isDifferent(key: string, before: string | undefined, wanted: string | number): boolean {
  if (key === 'tags') return !sameTags(before, String(wanted));
  // Read back encoded once, with a line end or without.
  if (key === 'sshkeys') return before === undefined || decode(before).trim() !== String(wanted).trim();
  // A host sorts the parts of a value as it likes.
  if (key === 'net0' || key === 'ipconfig0') return sortedParts(before) !== sortedParts(String(wanted));
  if (key === 'onboot' && before === undefined) return wanted !== 0;
  if (key === 'sockets' && before === undefined) return wanted !== 1;
  return before !== String(wanted);
}

function sortedParts(text = ''): string {
  return text.split(',').sort().join(',');
}

function decode(encoded: string): string {
  try {
    return decodeURIComponent(encoded);
  } catch (error) {
    if (error instanceof URIError) return '';
    throw error;
  }
}
