import type { PropertyRules } from '../../call.ts';
import { parseProperties } from '../../properties.ts';

const MODELS = [
  'e1000',
  'e1000-82540em',
  'e1000-82544gc',
  'e1000-82545em',
  'e1000e',
  'i82551',
  'i82557b',
  'i82559er',
  'ne2k_isa',
  'ne2k_pci',
  'pcnet',
  'rtl8139',
  'virtio',
  'vmxnet3',
] as const;

/** What may stand in `net0`; a model may be written as a key whose value is the MAC: `virtio=BC:…`. */
export const NET_PROPERTIES: PropertyRules = {
  model: { type: 'string', isDefault: true, enum: MODELS },
  macaddr: { type: 'string', optional: true, format: 'mac-addr' },
  ...Object.fromEntries(
    MODELS.map((model) => [model, { type: 'string', optional: true, alias: 'macaddr', keyAlias: 'model' }] as const),
  ),
  bridge: { type: 'string', optional: true, format: 'pve-bridge-id' },
  firewall: { type: 'boolean', optional: true },
  link_down: { type: 'boolean', optional: true },
  mtu: { type: 'integer', optional: true, minimum: 1, maximum: 65_520 },
  queues: { type: 'integer', optional: true, minimum: 0, maximum: 64 },
  rate: { type: 'number', optional: true, minimum: 0 },
  tag: { type: 'integer', optional: true, minimum: 1, maximum: 4094 },
  trunks: { type: 'string', optional: true, pattern: /\d+(?:-\d+)?(?:;\d+(?:-\d+)?)*/ },
};

/** A network device: its properties by name, `model` and `macaddr` among them. */
export type Net = Map<string, string>;

export function parseNet(text: string): Net {
  return parseProperties(NET_PROPERTIES, text);
}

/** `virtio=MAC,bridge=vmbr0,…` as PVE writes it. */
export function printNet(net: Net): string {
  const rest = [...net]
    .filter(([name]) => name !== 'model' && name !== 'macaddr')
    .toSorted(([a], [b]) => (a < b ? -1 : 1));
  return [`${net.get('model')}=${net.get('macaddr')}`, ...rest.map(([name, value]) => `${name}=${value}`)].join(',');
}

/** A MAC from Proxmox's own range, which is the datacenter's default prefix since 8.1. */
export function freshMac(random: { bytes(count: number): Uint8Array }): string {
  return [
    'BC',
    '24',
    '11',
    ...[...random.bytes(3)].map((byte) => byte.toString(16).padStart(2, '0').toUpperCase()),
  ].join(':');
}
