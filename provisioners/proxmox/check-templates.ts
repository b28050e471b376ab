import type { CallContext, Finding } from '../../src/provisioner/index.ts';
import type { Backend } from './backend.ts';
import { howToClone } from './clone-how.ts';
import { hasAgent } from './machine.ts';
import { isAllowedNode } from './schema.ts';
import { storagesOf, templateFaults, templatesFor } from './template.ts';
import { viewCluster } from './view.ts';
import type { PveVmRow } from './wire.ts';

/** Whether every template that may be sold can become a machine. */
export async function checkTemplates(backend: Backend, ctx: CallContext): Promise<Finding[]> {
  const { settings } = backend;
  const { rows } = await viewCluster(backend, ctx);
  const wanted = [...new Set([settings.template_vmid, ...settings.templates])];
  const findings = await Promise.all(
    wanted.map(async (each) => {
      const found = templatesFor(each, rows, settings);
      if (found.length === 0) return [missing(each, rows)];
      return (await Promise.all(found.map((row) => judge(backend, row, ctx)))).flat();
    }),
  );
  return [...new Map(findings.flat().map((finding) => [finding.title, finding])).values()];
}

function missing(wanted: number | string, rows: readonly PveVmRow[]): Finding {
  const plain = rows.some((row) => (row.vmid === wanted || row.name === wanted) && !row.template);
  return {
    level: 'fail',
    code: 'proxmox.template.missing',
    title: plain ? `VM ${wanted} is not a template` : `There is no template ${wanted} that the token may see`,
    remedy: plain
      ? 'Convert it to a template, or correct template_vmid or templates.'
      : 'Correct template_vmid or templates, or put the template into the pool.',
  };
}

async function judge(backend: Backend, row: PveVmRow, { signal }: CallContext): Promise<Finding[]> {
  const { pve, settings, facts } = backend;
  const config = await pve.vms.config(row, 'pending', signal);
  const name = `Template ${row.vmid} (${row.name ?? 'no name'})`;
  const faults = templateFaults(config, settings);
  if (!isAllowedNode(settings, row.node)) faults.push(`it is on node '${row.node}', where no machine may be made`);
  if (faults.length > 0) {
    return faults.map((fault) => ({
      level: 'fail',
      code: 'proxmox.template.unfit',
      title: `${name} cannot be sold: ${fault}`,
      remedy: 'Correct the template, or make one with `dc-agent setup proxmox`.',
    }));
  }
  const own = storagesOf(config);
  const used = (await facts.storages(row.node, 'now', signal)).filter(({ storage }) => own.includes(storage));
  const how = howToClone(settings, used) === 'linked' ? 'its machines share its disk' : 'each machine copies its disk';
  const findings: Finding[] = [{ level: 'pass', code: 'proxmox.template.ok', title: `${name} can be sold; ${how}` }];
  if (!hasAgent(config)) {
    findings.push({
      level: 'warn',
      code: 'proxmox.template.no-agent',
      title: `${name} has the guest agent off: keys and passwords cannot be changed, health is not seen from inside`,
      remedy: "Install qemu-guest-agent in the image and switch the option 'QEMU guest agent' on.",
    });
  }
  return findings;
}
