import { type MachineOrder, ProvisionerError } from '../../src/provisioner/index.ts';
import { bootDisk, disks, hasAgent, hasCloudInitDrive, isTemplate, macOf } from './machine.ts';
import type { ProxmoxSettings } from './schema.ts';
import type { PveVmRow, VmConfig } from './wire.ts';

type Allowed = Pick<ProxmoxSettings, 'template_vmid' | 'templates'>;

/**
 * The template that an order asks for, by VMID or name. The order's settings are the tenant's word, and a VMID could be another
 * tenant's machine, whose disk a clone would copy: only these two keys are read, and only what the settings allow is taken.
 */
export function orderedTemplate(
  { settings: wishes }: Pick<MachineOrder, 'settings'>,
  settings: Allowed,
): number | string {
  const wished = wishes['template_vmid'] ?? wishes['template'];
  if (wished === undefined || wished === null || wished === '') return settings.template_vmid;
  const wanted = typeof wished === 'string' && /^[0-9]+$/.test(wished) ? Number(wished) : wished;
  const allowed: readonly unknown[] = [settings.template_vmid, ...settings.templates];
  if ((typeof wanted === 'number' || typeof wanted === 'string') && allowed.includes(wanted)) return wanted;
  throw new ProvisionerError('permanent', "The order's template is neither template_vmid nor in templates", {
    publicText: 'The image of this offering is not available here.',
  });
}

/**
 * The templates that an order may be cloned from: the one with that VMID or all of that name. A template on storage of one node can
 * be cloned on that node only, so a cluster may have one of the same name on each: where the name is allowed too, a VMID stands for
 * all of them.
 */
export function templatesFor(wanted: number | string, rows: readonly PveVmRow[], settings: Allowed): PveVmRow[] {
  const named = (name: string): PveVmRow[] =>
    rows.filter((row) => row.type === 'qemu' && row.template && row.name === name);
  if (typeof wanted === 'string') return named(wanted);
  // While a node's statistics are missing, its rows do not say that they are templates: the configuration will.
  const exact = rows.filter(
    (row) => row.vmid === wanted && row.type === 'qemu' && (row.template || row.status === 'unknown'),
  );
  const name = exact[0]?.name;
  return name !== undefined && settings.templates.includes(name) ? named(name) : exact;
}

/** Every template that may be sold. */
export function allowedTemplates(rows: readonly PveVmRow[], settings: Allowed): PveVmRow[] {
  const wanted = [settings.template_vmid, ...settings.templates];
  const found = wanted.flatMap((each) => templatesFor(each, rows, settings));
  return [...new Map(found.map((row) => [row.vmid, row])).values()];
}

/** What keeps a template from becoming a machine that a tenant can log in to, in the operator's words. */
export function templateFaults(config: VmConfig, { address }: Pick<ProxmoxSettings, 'address'>): string[] {
  const faults: string[] = isTemplate(config) ? [] : ['it is not a template'];
  const boot = bootDisk(config);
  if (boot === undefined) faults.push('it has no disk to boot from');
  else if (boot.sizeBytes === undefined) faults.push(`its disk ${boot.key} has no size`);
  if (!hasCloudInitDrive(config)) faults.push('it has no cloud-init drive, so no key reaches its machines');
  if (macOf(config) === undefined) faults.push('it has no network card net0');
  if (address === 'dhcp' && !hasAgent(config)) {
    faults.push("its option 'QEMU guest agent' is off, so the addresses that DHCP gives stay unknown");
  }
  return faults;
}

/** The storages that hold a template's disks. */
export function storagesOf(config: VmConfig): string[] {
  return [...new Set(disks(config).map(({ storage }) => storage))];
}
