import { z } from 'zod';
import type { Call } from './call.ts';
import { type Params, path } from './call-request.ts';
import { writes } from './gate-lanes.ts';
import type { Upid } from './tasks-upid.ts';
import { nothing, type VmConfig, type VmOnNode, type VmStatus, vmConfig, vmOnNode, vmStatus } from './wire.ts';
import { upid, upidOrDone } from './wire-tasks.ts';

/** Where a guest is. Asked of another node than its own, a host says that it does not exist. */
export interface VmAt {
  readonly node: string;
  readonly vmid: number;
}

export interface CloneOrder {
  readonly newid: number;
  /** A DNS name. It and the description are the only things that are there from the new guest's first moment. */
  readonly name: string;
  readonly description: string;
  /** With rights to a pool only, a clone that does not name it is refused. */
  readonly pool?: string;
  /** A linked one stays on the template's storage. */
  readonly how: 'linked' | { readonly copyTo: string; readonly format?: 'raw' | 'qcow2' };
  /** Another node, for templates whose disks are all on shared storage. */
  readonly target?: string;
}

export interface VmCalls {
  /** As the guest will have it at its next start (`pending`), or as it has it now. */
  config(at: VmAt, which: 'pending' | 'current', signal: AbortSignal): Promise<VmConfig>;
  /**
   * Sets options at once; `remove` takes them out. `digest` is that of the configuration the changes were made from; a stale one is
   * refused. On a running guest some changes wait for its next start, and a failed hotplug leaves its change waiting.
   * `sshkeys` is encoded here: give it as lines.
   */
  setConfig(
    at: VmAt,
    change: { readonly set: Params; readonly remove?: readonly string[]; readonly digest?: string },
    signal: AbortSignal,
  ): Promise<void>;
  create(at: VmAt, options: Params, signal: AbortSignal): Promise<Upid>;
  /** The task's id is the template's, not the new guest's. Until it is done the new guest is locked and must be left alone. */
  clone(template: VmAt, order: CloneOrder, signal: AbortSignal): Promise<Upid>;
  /** Grows a disk to a size in GiB; the same size is success. Absent = done at once, as before 8.0. */
  resize(at: VmAt, disk: string, sizeGb: number, signal: AbortSignal): Promise<Upid | undefined>;
  /** Makes a template of a guest that is off. Absent = done at once, as before 8.0. */
  makeTemplate(at: VmAt, signal: AbortSignal): Promise<Upid | undefined>;
  start(at: VmAt, signal: AbortSignal): Promise<Upid>;
  /** Cuts the power. */
  stop(at: VmAt, signal: AbortSignal): Promise<Upid>;
  /** Asks the guest by ACPI; one that does not heed it within so many seconds fails the task. */
  shutdown(at: VmAt, timeoutSeconds: number, signal: AbortSignal): Promise<Upid>;
  /** Removes a guest that is off, its disks, and its entries in backup, replication and HA. */
  remove(at: VmAt, signal: AbortSignal): Promise<Upid>;
  /** The present truth, unlike `cluster.vms`. */
  status(at: VmAt, signal: AbortSignal): Promise<VmStatus>;
  /** The present truth about all guests of a node that the caller may see. */
  onNode(node: string, signal: AbortSignal): Promise<VmOnNode[]>;
}

export function vmCalls(call: Call): VmCalls {
  const read = { method: 'GET', effect: 'none' } as const;
  const task = { method: 'POST', effect: 'once', answer: upid } as const;
  const of = ({ node, vmid }: VmAt): string => `VM ${vmid} on node '${node}'`;
  const at = ({ node, vmid }: VmAt): string => path`/nodes/${node}/qemu/${vmid}`;
  return {
    config: (vm, which, signal) =>
      call(
        {
          ...read,
          doing: `show the configuration of ${of(vm)}`,
          path: `${at(vm)}/config`,
          params: { current: which === 'current' || undefined },
          answer: vmConfig,
        },
        signal,
      ),

    setConfig: (vm, { set, remove = [], digest }, signal) =>
      call(
        {
          method: 'PUT',
          // With a digest the second of two is refused, which is as good: nothing is set twice.
          effect: 'repeatable',
          lane: writes(vm.node),
          doing: `configure ${of(vm)}`,
          path: `${at(vm)}/config`,
          params: { ...encoded(set), delete: remove.length === 0 ? undefined : remove.join(','), digest },
          answer: nothing,
        },
        signal,
      ),

    create: (vm, options, signal) =>
      call(
        {
          ...task,
          doing: `create ${of(vm)}`,
          path: path`/nodes/${vm.node}/qemu`,
          params: { vmid: vm.vmid, ...encoded(options) },
        },
        signal,
      ),

    clone: (template, order, signal) =>
      call(
        {
          ...task,
          doing: `clone ${of(template)} to VM ${order.newid}`,
          path: `${at(template)}/clone`,
          params: {
            newid: order.newid,
            name: order.name,
            description: order.description,
            pool: order.pool,
            target: order.target,
            full: order.how !== 'linked',
            ...(order.how === 'linked' ? {} : { storage: order.how.copyTo, format: order.how.format }),
          },
        },
        signal,
      ),

    resize: (vm, disk, sizeGb, signal) =>
      call(
        {
          method: 'PUT',
          effect: 'repeatable',
          doing: `resize ${disk} of ${of(vm)} to ${sizeGb} GiB`,
          path: `${at(vm)}/resize`,
          params: { disk, size: `${sizeGb}G` },
          answer: upidOrDone,
        },
        signal,
      ),

    makeTemplate: (vm, signal) =>
      call({ ...task, doing: `make a template of ${of(vm)}`, path: `${at(vm)}/template`, answer: upidOrDone }, signal),

    start: (vm, signal) => call({ ...task, doing: `start ${of(vm)}`, path: `${at(vm)}/status/start` }, signal),

    stop: (vm, signal) => call({ ...task, doing: `stop ${of(vm)}`, path: `${at(vm)}/status/stop` }, signal),

    shutdown: (vm, timeoutSeconds, signal) =>
      call(
        {
          ...task,
          doing: `shut down ${of(vm)}`,
          path: `${at(vm)}/status/shutdown`,
          params: { timeout: timeoutSeconds },
        },
        signal,
      ),

    remove: (vm, signal) =>
      call({ ...task, method: 'DELETE', doing: `remove ${of(vm)}`, path: at(vm), params: { purge: true } }, signal),

    onNode: (node, signal) =>
      call(
        {
          ...read,
          doing: `list the guests of node '${node}'`,
          path: path`/nodes/${node}/qemu`,
          answer: z.array(vmOnNode),
        },
        signal,
      ),

    status: (vm, signal) =>
      call(
        {
          ...read,
          doing: `say how ${of(vm)} is`,
          path: `${at(vm)}/status/current`,
          answer: vmStatus.refine(({ vmid }) => vmid === vm.vmid, `it is about another guest than ${vm.vmid}`),
        },
        signal,
      ),
  };
}

/** Proxmox wants the keys URL-encoded inside the value, with `%20` for a blank, on top of what the transport does. */
function encoded(options: Params): Params {
  const keys = options['sshkeys'];
  return typeof keys === 'string' ? { ...options, sshkeys: encodeURIComponent(keys) } : options;
}
