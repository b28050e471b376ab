import { isIP, isIPv4, isIPv6 } from 'node:net';
import { isPrivilege } from './access/privileges.ts';
import type { Personality } from './call.ts';

/**
 * Checks a text against one of PVE's named formats. Returns what PVE says after `invalid format - `, without the line
 * break, or undefined when all is well. A format that ends in `-list` or `-opt` is that of its items; a name that is not
 * known here has no check in PVE either, as far as this simulator needs it.
 */
export function formatError(format: string, value: string, personality: Personality): string | undefined {
  const list = /^(.+)-(?:list|alist)$/.exec(format)?.[1];
  if (list !== undefined && !(format in FORMATS)) {
    for (const item of splitList(value)) {
      const error = formatError(list, item, personality);
      if (error !== undefined) return error;
    }
    return undefined;
  }
  const optional = /^(.+)-opt$/.exec(format)?.[1];
  if (optional !== undefined) return value === '' ? undefined : formatError(optional, value, personality);
  return FORMATS[format]?.(value, personality);
}

/** PVE's lists are cut at commas, semicolons, blanks and zero bytes; empty items do not count. */
export function splitList(text: string): string[] {
  return text.split(/[,;\s\0]+/).filter((item) => item !== '');
}

type Format = (value: string, personality: Personality) => string | undefined;

const DNS_LABEL = '[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?';
const DNS_NAME = new RegExp(`^(?:${DNS_LABEL}\\.)*${DNS_LABEL}$`);
const CONFIG_ID = /^[a-z][a-z0-9_-]+$/i;
const REALM = '[A-Za-z][A-Za-z0-9.\\-_]+';
const USER = `[^\\s:/]+@${REALM}`;
const TOKEN = '[A-Za-z][A-Za-z0-9.\\-_]+';
const STORAGE_CONTENT = new Set(['images', 'rootdir', 'vztmpl', 'iso', 'backup', 'snippets', 'import', 'none']);

const FORMATS: Readonly<Record<string, Format>> = {
  'pve-vmid': matches(/^[1-9][0-9]{2,8}$/, 'value does not look like a valid VM ID'),
  'pve-node': matches(new RegExp(`^${DNS_LABEL}$`), 'value does not look like a valid node name'),
  'pve-configid': (value) => (CONFIG_ID.test(value) ? undefined : `invalid configuration ID '${value}'`),
  'pve-storage-id': (value) =>
    /^[a-z][a-z0-9\-_.]*[a-z0-9]$/i.test(value) ? undefined : `storage ID '${value}' contains illegal characters`,
  'pve-poolid': (value) =>
    value.split('/').length <= 3 && value.split('/').every((part) => /^[A-Za-z0-9.\-_]+$/.test(part))
      ? undefined
      : `pool name '${value}' contains invalid characters`,
  'pve-realm': (value) =>
    new RegExp(`^${REALM}$`).test(value) ? undefined : `value '${value}' does not look like a valid realm`,
  'pve-userid': (value) =>
    // A token is named with an exclamation mark, so no user is.
    new RegExp(`^${USER}$`).test(value) && !value.includes('!')
      ? undefined
      : `value '${value}' does not look like a valid user name`,
  'pve-tokenid': (value) =>
    new RegExp(`^${USER}!${TOKEN}$`).test(value) ? undefined : `value '${value}' does not look like a valid token ID`,
  'pve-groupid': (value) =>
    /^[A-Za-z0-9.\-_]+$/.test(value) ? undefined : `group name '${value}' contains invalid characters`,
  'pve-roleid': (value) =>
    /^[A-Za-z0-9.\-_]+$/.test(value) ? undefined : `role name '${value}' contains invalid characters`,
  'pve-priv': (value, personality) => (isPrivilege(value, personality) ? undefined : `invalid privilege '${value}'`),
  'pve-storage-content': (value) => (STORAGE_CONTENT.has(value) ? undefined : `invalid content type '${value}'`),
  'pve-bridge-id': (value) =>
    /^[a-zA-Z][a-zA-Z0-9_-]{1,20}([:.]\d+)?$/.test(value) ? undefined : `invalid bridge name '${value}'`,
  'pve-tag': (value) => (/^[a-z0-9_][a-z0-9_\-+.]*$/i.test(value) ? undefined : `invalid characters in tag`),
  'dns-name': matches(DNS_NAME, 'value does not look like a valid DNS name'),
  'mac-addr': (value) =>
    /^[a-f0-9][02468ace](?::[a-f0-9]{2}){5}$/i.test(value)
      ? undefined
      : 'value does not look like a valid unicast MAC address',
  address: (value) =>
    isIP(value) !== 0 || DNS_NAME.test(value) ? undefined : 'value does not look like a valid address: ' + value,
  ip: (value) => (isIP(value) === 0 ? 'value does not look like a valid IP address' : undefined),
  ipv4: (value) => (isIPv4(value) ? undefined : 'value does not look like a valid IPv4 address'),
  ipv6: (value) => (isIPv6(value) ? undefined : 'value does not look like a valid IPv6 address'),
  'pve-ipv4-config': (value) =>
    value === 'dhcp' || value === 'manual' || isCidr(value, 4)
      ? undefined
      : 'value does not look like a valid ipv4 network configuration',
  'pve-ipv6-config': (value) =>
    ['dhcp', 'manual', 'auto'].includes(value) || isCidr(value, 6)
      ? undefined
      : 'value does not look like a valid ipv6 network configuration',
  urlencoded: (value) => (/^[-%a-zA-Z0-9_.!~*'()]*$/.test(value) ? undefined : `invalid urlencoded string: ${value}`),
  email: matches(/^[^\s@]+@[^\s@]+$/, 'value does not look like a valid email address'),
  'disk-size': matches(/^\d+(\.\d+)?[KMGT]?$/, 'value does not look like a valid disk size'),
};

function matches(pattern: RegExp, otherwise: string): Format {
  return (value) => (pattern.test(value) ? undefined : otherwise);
}

/** An address with its network's length, as an interface has it. */
function isCidr(value: string, family: 4 | 6): boolean {
  const [address = '', length = '', ...more] = value.split('/');
  if (more.length > 0 || !/^\d{1,3}$/.test(length)) return false;
  return family === 4 ? isIPv4(address) && Number(length) <= 32 : isIPv6(address) && Number(length) <= 128;
}
