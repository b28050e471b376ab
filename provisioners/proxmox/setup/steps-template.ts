import { ProvisionerError } from '../../../src/provisioner/index.ts';
import type { Params } from '../call-request.ts';
import { importName, type PinnedImage } from './images.ts';
import { readMark, renderMark } from './mark.ts';
import { TEMPLATE_TAG } from './names.ts';
import { runTask, type Step, type Work } from './work.ts';

/** Where the guest agent in a template's machines comes from: cloud-init at their first boot, the image, or nowhere. */
export type GuestAgent = 'first-boot' | 'image' | 'none';

export interface TemplateOrder {
  /** Of the setup that makes it. */
  readonly setup: string;
  readonly image: PinnedImage;
  readonly name: string;
  readonly vmid: number;
  readonly node: string;
  readonly pool: string;
  readonly bridge: string;
  readonly storage: string;
  readonly imageStorage: string;
  readonly agent: GuestAgent;
  /** Of the vendor data, with `first-boot`. */
  readonly snippet?: string;
  /** Milliseconds since 1970: where to look for tasks from. */
  readonly since: number;
}

const HOUR = 3_600_000;

/** From a vendor's image to a template: the host downloads and compares it, imports it, and the file goes again. */
export function buildTemplate(order: TemplateOrder): Step[] {
  const { image, name, vmid, node, imageStorage, since, setup } = order;
  const file = importName(image);
  const volid = `${imageStorage}:import/${file}`;
  const downloaded = { kind: 'image', node, storage: imageStorage, file, since } as const;
  return [
    {
      says: `download ${image.title} to storage '${imageStorage}' and compare its checksum`,
      makes: downloaded,
      apply: (work) => {
        const task = {
          doing: `download ${image.url}`,
          node,
          type: 'download',
          id: file,
          since,
          limitMs: 2 * HOUR,
          already: [],
        };
        const { url, algorithm } = image;
        const download = { content: 'import', filename: file, url, checksum: image.checksum.hex, algorithm } as const;
        return runTask(work, task, () => work.pve.storage.download(node, imageStorage, download, work.signal));
      },
    },
    {
      says: `make VM ${vmid} '${name}' of it on storage '${order.storage}'`,
      makes: { kind: 'template', node, vmid, setup, since },
      apply: (work) => {
        const task = {
          doing: `make VM ${vmid}`,
          node,
          type: 'qmcreate',
          id: String(vmid),
          since,
          limitMs: HOUR,
          already: ['exists'],
        } as const;
        return runTask(work, task, () => work.pve.vms.create({ node, vmid }, optionsOf(order, volid), work.signal));
      },
    },
    {
      says: `make a template of VM ${vmid}`,
      async apply(work) {
        await requireOurs(work, order);
        const task = { doing: `make a template of VM ${vmid}`, node, type: 'qmtemplate', id: String(vmid), since };
        await runTask(work, { ...task, limitMs: HOUR / 4, already: ['template'] }, () =>
          work.pve.vms.makeTemplate({ node, vmid }, work.signal),
        );
      },
    },
    {
      says: `remove the downloaded file ${volid}`,
      removes: downloaded,
      apply: (work) => {
        const task = { doing: `remove ${volid}`, node, type: 'imgdel', id: imageStorage, since, limitMs: HOUR / 4 };
        return runTask(work, { ...task, already: ['no-volume', 'missing'] }, () =>
          work.pve.storage.removeVolume(node, imageStorage, volid, work.signal),
        );
      },
    },
  ];
}

/** Nothing reserves a VMID: where somebody else took it at the same moment, his guest must not become a template. */
async function requireOurs({ pve, signal }: Work, { node, vmid, setup }: TemplateOrder): Promise<void> {
  if (readMark(await pve.vms.config({ node, vmid }, 'pending', signal))?.setup === setup) return;
  throw new ProvisionerError(
    'not-ours',
    `VM ${vmid} was made by somebody else at the same moment; run the setup again`,
  );
}

/** What cloud-init reads besides what Proxmox writes: it only adds, so key, name and network stay Proxmox's. */
export function writeSnippet(volid: string): Step {
  return {
    says: `write ${volid}, by which machines install their guest agent at the first boot`,
    makes: { kind: 'snippet', volid },
    async apply({ snippets }) {
      if (snippets === undefined) {
        throw new ProvisionerError(
          'config',
          `${volid} can only be written on the host itself: the API writes no snippets`,
        );
      }
      await snippets.write(volid, VENDOR_DATA);
    },
  };
}

export const SNIPPET_FILE = 'dc-agent-guest-agent.yaml';

/** `start` besides the installation: Debian's unit waits for a device that is there already. */
const VENDOR_DATA = `#cloud-config
# Written by "dc-agent setup proxmox" for templates of dc-agent: Debian's and Ubuntu's images have no guest agent.
package_update: true
packages:
  - qemu-guest-agent
runcmd:
  - [systemctl, start, qemu-guest-agent]
`;

/** True when a machine's configuration takes its guest agent from the snippet. */
export function usesSnippet(cicustom: string | undefined, volid: string): boolean {
  return (cicustom ?? '').split(',').includes(`vendor=${volid}`);
}

function optionsOf(
  { setup, image, name, pool, bridge, storage, agent, snippet }: TemplateOrder,
  volid: string,
): Params {
  return {
    name,
    description: renderMark(setup, image),
    tags: TEMPLATE_TAG,
    pool,
    ostype: 'l26',
    cpu: 'host',
    cores: 1,
    memory: 1024,
    scsihw: 'virtio-scsi-single',
    scsi0: `${storage}:0,import-from=${volid},discard=on,iothread=1`,
    ide2: `${storage}:cloudinit`,
    boot: 'order=scsi0',
    // Cloud images talk to a serial console; some stop at boot without one.
    serial0: 'socket',
    vga: 'serial0',
    net0: `virtio,bridge=${bridge},firewall=1`,
    // Switched on without an agent inside, Proxmox would ask it to shut down, and wait in vain.
    agent: agent === 'none' ? 'enabled=0' : 'enabled=1,fstrim_cloned_disks=1',
    ...(agent === 'first-boot' && snippet !== undefined ? { cicustom: `vendor=${snippet}` } : {}),
  };
}
