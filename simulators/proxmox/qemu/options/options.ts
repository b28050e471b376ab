import { type ParamRule, type Personality } from '../../call.ts';
import { ruleOf } from '../../params.ts';
import { DRIVE_PROPERTIES, driveRule } from './drive.ts';
import { NET_PROPERTIES } from './net.ts';

/**
 * What a right is asked for. `drive`, `device` and `tags` are judged by their value, elsewhere; `root` is for the login
 * `root@pam` alone.
 */
export type OptionClass =
  | 'cpu'
  | 'memory'
  | 'hwtype'
  | 'general'
  | 'power'
  | 'disk'
  | 'network'
  | 'cloudinit'
  | 'drive'
  | 'device'
  | 'tags'
  | 'root';

interface Option {
  readonly rule: ParamRule;
  readonly of: OptionClass;
}

const text = (of: OptionClass, rule: Partial<ParamRule> = {}): Option => ({
  rule: { type: 'string', optional: true, ...rule },
  of,
});
const flag = (of: OptionClass, rule: Partial<ParamRule> = {}): Option => ({
  rule: { type: 'boolean', optional: true, ...rule },
  of,
});
const whole = (of: OptionClass, rule: Partial<ParamRule> = {}): Option => ({
  rule: { type: 'integer', optional: true, ...rule },
  of,
});

/** Every option of a machine, as `qm.conf` has them. */
const OPTIONS: Readonly<Record<string, Option>> = {
  acpi: flag('hwtype'),
  affinity: text('cpu', { format: 'pve-cpuset' }),
  agent: text('general', {
    properties: {
      enabled: { type: 'boolean', isDefault: true },
      'freeze-fs': { type: 'boolean', optional: true },
      'freeze-fs-on-backup': { type: 'boolean', optional: true },
      'guest-fsfreeze': { type: 'boolean', optional: true },
      fstrim_cloned_disks: { type: 'boolean', optional: true },
      type: { type: 'string', optional: true, enum: ['virtio', 'isa'] },
    },
  }),
  'allow-ksm': flag('memory', { only: '9.1' }),
  'amd-sev': text('root', { format: 'pve-qemu-sev-fmt' }),
  arch: text('root', { enum: ['x86_64', 'aarch64'] }),
  args: text('root'),
  audio0: text('hwtype'),
  autostart: flag('general'),
  balloon: whole('memory', { minimum: 0 }),
  bios: text('general', { enum: ['seabios', 'ovmf'] }),
  boot: text('disk', { format: 'pve-qm-boot', check: bootError }),
  bootdisk: text('disk', { format: 'pve-qm-bootdisk', pattern: /(ide|sata|scsi|virtio)\d+/ }),
  cdrom: text('drive', { format: 'pve-qm-ide' }),
  cicustom: text('cloudinit', { format: 'pve-qm-cicustom' }),
  cipassword: text('cloudinit'),
  citype: text('cloudinit', { enum: ['configdrive2', 'nocloud', 'opennebula'] }),
  ciupgrade: flag('cloudinit'),
  ciuser: text('cloudinit'),
  cores: whole('cpu', { minimum: 1 }),
  cpu: text('cpu', { format: 'pve-vm-cpu-conf' }),
  cpulimit: { rule: { type: 'number', optional: true, minimum: 0, maximum: 128 }, of: 'cpu' },
  cpuunits: whole('cpu', { minimum: 1, maximum: 262_144 }),
  description: text('general', { maxLength: 8192 }),
  efidisk0: text('drive', { properties: DRIVE_PROPERTIES }),
  freeze: flag('power'),
  hookscript: text('root', { format: 'pve-volume-id' }),
  'hostpci[n]': text('device', { format: 'pve-qm-hostpci', count: 16 }),
  hotplug: text('hwtype', { format: 'pve-hotplug-features' }),
  hugepages: text('root', { enum: ['any', '2', '1024'] }),
  'ide[n]': { rule: driveRule(4), of: 'drive' },
  'intel-tdx': text('root', { format: 'pve-qemu-tdx-fmt', only: '9.1' }),
  'ipconfig[n]': text('cloudinit', {
    properties: {
      gw: { type: 'string', optional: true, format: 'ipv4', requires: 'ip' },
      gw6: { type: 'string', optional: true, format: 'ipv6', requires: 'ip6' },
      ip: { type: 'string', optional: true, format: 'pve-ipv4-config' },
      ip6: { type: 'string', optional: true, format: 'pve-ipv6-config' },
    },
    count: 32,
  }),
  ivshmem: text('root'),
  keephugepages: flag('root'),
  keyboard: text('general', {
    enum: [
      'de',
      'de-ch',
      'da',
      'en-gb',
      'en-us',
      'es',
      'fi',
      'fr',
      'fr-be',
      'fr-ca',
      'fr-ch',
      'hu',
      'is',
      'it',
      'ja',
      'lt',
    ].concat(['mk', 'nl', 'no', 'pl', 'pt', 'pt-br', 'sv', 'sl', 'tr']),
  }),
  kvm: flag('hwtype'),
  localtime: flag('general'),
  lock: text('root', {
    enum: [
      'backup',
      'clone',
      'create',
      'migrate',
      'rollback',
      'snapshot',
      'snapshot-delete',
      'suspending',
      'suspended',
    ],
  }),
  machine: text('hwtype'),
  memory: text('memory', { properties: { current: { type: 'integer', isDefault: true, minimum: 16 } } }),
  migrate_downtime: { rule: { type: 'number', optional: true, minimum: 0 }, of: 'general' },
  migrate_speed: whole('general', { minimum: 0 }),
  name: text('general', { format: 'dns-name' }),
  nameserver: text('cloudinit', { format: 'address-list' }),
  'net[n]': text('network', { properties: NET_PROPERTIES, count: 32 }),
  numa: flag('cpu'),
  'numa[n]': text('cpu', { count: 8 }),
  onboot: flag('general'),
  ostype: text('general', {
    enum: ['other', 'wxp', 'w2k', 'w2k3', 'w2k8', 'wvista', 'win7', 'win8', 'win10', 'win11', 'l24', 'l26', 'solaris'],
  }),
  'parallel[n]': text('root', { pattern: /\/dev\/parport\d+|\/dev\/usb\/lp\d+/, count: 3 }),
  protection: flag('general'),
  reboot: flag('general'),
  rng0: text('hwtype', { format: 'pve-qm-rng' }),
  'sata[n]': { rule: driveRule(6), of: 'drive' },
  'scsi[n]': { rule: driveRule(31), of: 'drive' },
  scsihw: text('hwtype', {
    enum: ['lsi', 'lsi53c810', 'virtio-scsi-pci', 'virtio-scsi-single', 'megasas', 'pvscsi'],
  }),
  searchdomain: text('cloudinit'),
  'serial[n]': text('device', { pattern: /(\/dev\/.+|socket)/, count: 4 }),
  shares: whole('memory', { minimum: 0, maximum: 50_000 }),
  smbios1: text('hwtype', { format: 'pve-qm-smbios1', maxLength: 512 }),
  smp: whole('cpu', { minimum: 1 }),
  sockets: whole('cpu', { minimum: 1 }),
  spice_enhancements: text('root'),
  sshkeys: text('cloudinit', { format: 'urlencoded' }),
  startdate: text('general', { pattern: /(now|\d{4}-\d{1,2}-\d{1,2}(T\d{1,2}:\d{1,2}:\d{1,2})?)/ }),
  startup: text('general', { format: 'pve-startup-order' }),
  tablet: flag('hwtype'),
  tags: text('tags', { format: 'pve-tag-list' }),
  tdf: flag('general'),
  template: flag('general'),
  tpmstate0: text('drive', { properties: DRIVE_PROPERTIES }),
  'unused[n]': text('drive', { count: 256 }),
  'usb[n]': text('device', { count: 14 }),
  vcpus: whole('cpu', { minimum: 1 }),
  vga: text('hwtype'),
  'virtio[n]': { rule: driveRule(16), of: 'drive' },
  'virtiofs[n]': text('root', { count: 10 }),
  vmgenid: text('general', { pattern: /(?:[a-fA-F0-9]{8}(?:-[a-fA-F0-9]{4}){3}-[a-fA-F0-9]{12}|[01])/ }),
  vmstatestorage: text('disk', { format: 'pve-storage-id' }),
  watchdog: text('hwtype', { format: 'pve-qm-watchdog' }),
};

/** The rules of all options, for the calls that take them. */
export const OPTION_RULES: Readonly<Record<string, ParamRule>> = Object.fromEntries(
  Object.entries(OPTIONS).map(([name, { rule }]) => [name, rule]),
);

export function isOption(name: string, personality: Personality): boolean {
  return ruleOf(OPTION_RULES, name, personality) !== undefined;
}

export function classOf(name: string): OptionClass {
  return (OPTIONS[name] ?? OPTIONS[name.replace(/\d+$/, '[n]')])?.of ?? 'root';
}

/** `scsi0`, `efidisk0`, …: an option whose value is a volume; `unused0` is not counted. */
export function isDrive(name: string): boolean {
  return /^(?:ide[0-3]|sata[0-5]|scsi(?:[12]?\d|30)|virtio(?:\d|1[0-5])|efidisk0|tpmstate0)$/.test(name);
}

/** A stored value as the API returns it: numbers where the schema says so, everything else as text. */
export function typedValue(name: string, value: string): string | number {
  const type = (OPTIONS[name] ?? OPTIONS[name.replace(/\d+$/, '[n]')])?.rule.type;
  return type === 'integer' || type === 'boolean' || type === 'number' ? Number(value) : value;
}

/** `order=scsi0;net0`, or the letters of old (`cdn`). */
function bootError(value: string): string | undefined {
  const [, order] = /^(?:order=)(.*)$/.exec(value) ?? [];
  const fine =
    order === undefined
      ? /^(?:legacy=)?[acdn]{1,4}$/.test(value)
      : order === '' || order.split(';').every((device) => isDrive(device) || /^(net|hostpci|usb)\d+$/.test(device));
  return fine ? undefined : `invalid format - format error\nboot.order: invalid boot device\n`;
}
