import { createHash } from 'node:crypto';
import type { CloudInitData, Guest } from '../state.ts';
import { parseNet } from './options/net.ts';
import { decodedKeys } from './ssh-keys.ts';
import { drivesOf, isCloudInit } from './volumes.ts';

/** Whom a host asks for names when the machine has no nameserver of its own: the document shows it. */
const HOST_RESOLVER = '192.0.2.53';

/** The options that shape the documents, besides name, net and ipconfig: those whose changes GET cloudinit shows. */
export const CLOUD_INIT_OPTIONS = [
  'cicustom',
  'cipassword',
  'citype',
  'ciuser',
  'ciupgrade',
  'nameserver',
  'searchdomain',
  'sshkeys',
] as const;

export function hasCloudInitDrive(guest: Guest): boolean {
  return drivesOf(guest.config).some(([, drive]) => isCloudInit(drive));
}

/**
 * The documents as PVE writes them for `nocloud` from this configuration. The instance id is the SHA-1 of user-data and
 * network, so whoever changes name, user, keys or address makes a new instance in the eyes of cloud-init.
 */
export function cloudInitOf(vmid: number, config: ReadonlyMap<string, string>): CloudInitData {
  const user = userData(vmid, config);
  const network = networkData(config);
  return { user, network, meta: `instance-id: ${createHash('sha1').update(user).update(network).digest('hex')}\n` };
}

/** Writes the drive anew; a machine without one gets empty documents. */
export function writeCloudInitDrive(guest: Guest): CloudInitData {
  if (!hasCloudInitDrive(guest)) return { user: '', network: '', meta: '' };
  const documents = cloudInitOf(guest.vmid, guest.config);
  const options = new Map([...guest.config].filter(([name]) => CLOUD_INIT_OPTIONS.some((option) => option === name)));
  guest.cloudInit = { ...documents, options };
  return documents;
}

/** The IPv4 and IPv6 configuration of one network device, as `ipconfig0` says it. */
export function ipConfig(text: string | undefined): ReadonlyMap<string, string> {
  return new Map(
    (text ?? '')
      .split(',')
      .filter((part) => part.includes('='))
      .map((part) => [part.slice(0, part.indexOf('=')), part.slice(part.indexOf('=') + 1)]),
  );
}

function userData(vmid: number, config: ReadonlyMap<string, string>): string {
  const name = config.get('name') ?? `VM${vmid}`;
  const [hostname = name] = name.split('.');
  const search = config.get('searchdomain');
  const user = config.get('ciuser');
  const password = config.get('cipassword');
  const keys = config.get('sshkeys');
  const lines = ['#cloud-config', `hostname: ${hostname}`, 'manage_etc_hosts: true'];
  lines.push(`fqdn: ${name.includes('.') || search === undefined ? name : `${hostname}.${search}`}`);
  if (user !== undefined) lines.push(`user: ${user}`);
  if (password !== undefined) lines.push(`password: ${password}`);
  if (keys !== undefined) {
    lines.push('ssh_authorized_keys:');
    for (const key of decodedKeys(keys).split('\n')) if (key.trim() !== '') lines.push(`  - ${key}`);
  }
  lines.push('chpasswd:', '  expire: False');
  if (user !== 'root') lines.push('users:', '  - default');
  if (config.get('ciupgrade') !== '0') lines.push('package_upgrade: true');
  return `${lines.join('\n')}\n`;
}

function networkData(config: ReadonlyMap<string, string>): string {
  const lines = ['version: 1', 'config:'];
  const nets = [...config]
    .filter(([name]) => /^net\d+$/.test(name))
    .map(([name, text]) => [Number(name.slice(3)), text] as const)
    .toSorted(([a], [b]) => a - b);
  for (const [number, text] of nets) {
    lines.push('    - type: physical', `      name: eth${number}`);
    lines.push(`      mac_address: '${parseNet(text).get('macaddr')?.toLowerCase()}'`, '      subnets:');
    lines.push(...subnets(ipConfig(config.get(`ipconfig${number}`))));
  }
  lines.push('    - type: nameserver', '      address:');
  for (const server of (config.get('nameserver') ?? HOST_RESOLVER).split(/[,;\s]+/)) lines.push(`      - '${server}'`);
  const search = config.get('searchdomain');
  if (search !== undefined) lines.push('      search:', `      - '${search}'`);
  return `${lines.join('\n')}\n`;
}

function subnets(ip: ReadonlyMap<string, string>): string[] {
  const [four, six] = [ip.get('ip'), ip.get('ip6')];
  const lines: string[] = [];
  if (four === 'dhcp' || (four === undefined && six === undefined)) lines.push('      - type: dhcp4');
  else if (four !== undefined) {
    const [address = '', length = '32'] = four.split('/');
    lines.push(
      '      - type: static',
      `        address: '${address}'`,
      `        netmask: '${netmask(Number(length))}'`,
    );
    if (ip.has('gw')) lines.push(`        gateway: '${ip.get('gw')}'`);
  }
  if (six === 'dhcp') lines.push('      - type: dhcp6');
  else if (six === 'auto') lines.push('      - type: ipv6_slaac');
  else if (six !== undefined) {
    lines.push('      - type: static6', `        address: '${six}'`);
    if (ip.has('gw6')) lines.push(`        gateway: '${ip.get('gw6')}'`);
  }
  return lines;
}

function netmask(length: number): string {
  const bits = length === 0 ? 0 : (0xffff_ffff << (32 - length)) >>> 0;
  return [24, 16, 8, 0].map((shift) => (bits >>> shift) & 255).join('.');
}
