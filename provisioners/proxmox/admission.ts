import { type CallContext, type MachineOrder, ProvisionerError } from '../../src/provisioner/index.ts';
import type { CloneOrder } from './api-vms.ts';
import type { Backend } from './backend.ts';
import { howToClone } from './clone-how.ts';
import { bootDisk, memoryMbOf } from './machine.ts';
import { chooseNode, type Need, type Option } from './nodes.ts';
import { GIB, MIB } from './room.ts';
import { isAllowedNode } from './schema.ts';
import { orderedTemplate, storagesOf, templateFaults, templatesFor } from './template.ts';
import { type View, viewCluster } from './view.ts';
import type { PveVmRow, VmConfig } from './wire.ts';

/** Where and how a machine will be made. Its room is reserved. */
export interface Place extends Option {
  readonly vmid: number;
}

/**
 * Decides whether, where and under which VMID an order's machine is made, and reserves what it needs. An attempt whose outcome was
 * not learnt gives its VMID as `before`: asked for the same one, the host makes at most one machine, however late the first request
 * comes. Throws `permanent` for what can
 * never be made here, `config` for what the operator must set right, `capacity` when there is no room now.
 */
export async function admit(
  backend: Backend,
  order: MachineOrder,
  ctx: CallContext,
  before: number | undefined,
): Promise<Place> {
  const { settings, ids, reservations } = backend;
  const view = await viewCluster(backend, ctx);
  const { rows } = view;
  const options = await optionsFor(backend, order, view, ctx);
  // From here to the reservation nothing waits, so two creates cannot be given the same room.
  const need = options.need;
  const option = chooseNode(options.list, need, rows, reservations.all(), settings);
  const vmid = before ?? ids.choose(new Set(rows.map((row) => row.vmid)));
  reservations.hold({
    vmid,
    node: option.node,
    memoryBytes: need.memoryMb * MIB,
    storage: option.storage,
    storageBytes: need.diskBytes,
  });
  return { ...option, vmid };
}

async function optionsFor(
  backend: Backend,
  order: MachineOrder,
  { rows, nodes }: View,
  ctx: CallContext,
): Promise<{ list: readonly Option[]; need: Need }> {
  const { settings } = backend;
  const wanted = orderedTemplate(order, settings);
  const templates = templatesFor(wanted, rows, settings);
  if (templates.length === 0) {
    throw new ProvisionerError(
      'config',
      `There is no template ${wanted} that the token can see: correct 'template_vmid' or 'templates', or put it into the pool`,
    );
  }
  const read = await Promise.all(
    templates.map(async (row) => ({ row, config: await backend.facts.template(row, ctx.signal) })),
  );
  const faults = read.flatMap(({ row, config }) =>
    templateFaults(config, settings).map((fault) => `template ${row.vmid}: ${fault}`),
  );
  const sound = read.filter(({ config }) => templateFaults(config, settings).length === 0);
  const [first] = sound;
  if (first === undefined) throw new ProvisionerError('config', `No machine can be made: ${faults.join('; ')}`);
  const need = needOf(order, first.config);
  const up = nodes.filter(({ status }) => status === 'online').map(({ node }) => node);
  const lists = await Promise.all(sound.map(({ row, config }) => placesOf(backend, row, config, up, ctx)));
  return { list: lists.flat(), need };
}

/** The nodes on which one template's machines can be. A clone leaves the template's node only over shared storage. */
async function placesOf(
  { settings, facts }: Backend,
  row: PveVmRow,
  config: VmConfig,
  up: readonly string[],
  { signal }: CallContext,
): Promise<Option[]> {
  const home = await facts.storages(row.node, 'now', signal);
  const own = storagesOf(config);
  const used = home.filter(({ storage }) => own.includes(storage));
  const movable = used.length === own.length && used.every(({ shared }) => shared);
  const how: CloneOrder['how'] = howToClone(settings, used) === 'linked' ? 'linked' : { copyTo: settings.storage };
  const storage = how === 'linked' ? (bootDisk(config)?.storage ?? settings.storage) : settings.storage;
  const nodes = movable ? up : [row.node];
  return Promise.all(
    nodes
      .filter((node) => isAllowedNode(settings, node))
      .map(async (node) => ({
        template: { node: row.node, vmid: row.vmid },
        node,
        how,
        storage,
        storages: await facts.storages(node, 'now', signal),
        status: await facts.node(node, 'now', signal),
      })),
  );
}

/** What the order does not say is as in the template. */
function needOf({ cpuCores, memoryMb, storageGb }: MachineOrder, config: VmConfig): Need {
  const imageBytes = bootDisk(config)?.sizeBytes ?? 0;
  const diskBytes = storageGb === undefined ? imageBytes : storageGb * GIB;
  if (diskBytes < imageBytes) {
    const text = `The order's disk of ${storageGb} GiB is smaller than the template's of ${Math.ceil(imageBytes / GIB)} GiB`;
    throw new ProvisionerError('permanent', text, { publicText: 'This machine’s disk is smaller than its image.' });
  }
  return {
    cores: cpuCores === undefined ? Number(config['cores'] ?? 1) : Math.ceil(cpuCores),
    memoryMb: memoryMb ?? memoryMbOf(config),
    diskBytes,
  };
}
