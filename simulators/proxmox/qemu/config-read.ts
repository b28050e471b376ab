import type { Endpoint } from '../call.ts';
import { CLOUD_INIT_OPTIONS, cloudInitOf } from './cloud-init.ts';
import { configView, type PendingRow, pendingRows } from './config-view.ts';
import { guestOf, VM_PATH } from './machine.ts';
import { typedValue } from './options/options.ts';

const AUDIT = ['perm', '/vms/{vmid}', ['VM.Audit']] as const;
const VM = '/nodes/{node}/qemu/{vmid}';

/** Configuration as it is, as it will be, and what cloud-init would be told. */
export const configReadEndpoints: readonly Endpoint[] = [
  {
    method: 'GET',
    path: `${VM}/config`,
    params: {
      ...VM_PATH,
      current: { type: 'boolean', optional: true },
      snapshot: { type: 'string', optional: true, format: 'pve-configid', maxLength: 40 },
    },
    permission: AUDIT,
    handle: (call) => configView(guestOf(call), call.params.flag('current') ? 'current' : 'pending'),
  },
  {
    method: 'GET',
    path: `${VM}/pending`,
    params: VM_PATH,
    permission: AUDIT,
    handle: (call) => pendingRows(guestOf(call)),
  },
  {
    method: 'GET',
    path: `${VM}/cloudinit`,
    params: VM_PATH,
    permission: AUDIT,
    handle(call) {
      const guest = guestOf(call);
      // A machine that is off has its drive written at the next start anyway: nothing is told apart.
      const written = guest.status === 'running' ? guest.cloudInit?.options : undefined;
      return CLOUD_INIT_OPTIONS.flatMap((key) => cloudInitRow(key, guest.config.get(key), written));
    },
  },
  {
    method: 'GET',
    path: `${VM}/cloudinit/dump`,
    params: { ...VM_PATH, type: { type: 'string', enum: ['user', 'network', 'meta'] } },
    permission: AUDIT,
    handle(call) {
      const guest = guestOf(call);
      const config = new Map(guest.config);
      // 8.4 masks the password before it makes the document, 9.1 shows the hash.
      if (call.pve.personality === '8.4' && config.has('cipassword')) config.set('cipassword', '**********');
      const documents = cloudInitOf(guest.vmid, config);
      const type = call.params.text('type');
      return type === 'user' ? documents.user : type === 'network' ? documents.network : documents.meta;
    },
  },
];

function cloudInitRow(
  key: string,
  wanted: string | undefined,
  written: ReadonlyMap<string, string> | undefined,
): PendingRow[] {
  const before = written ? written.get(key) : wanted;
  const show = (value: string): string | number => (key === 'cipassword' ? '**********' : typedValue(key, value));
  if (wanted === undefined) return before === undefined ? [] : [{ key, delete: 1 }];
  // Perl takes `0` for nothing, so `ciupgrade: 0` is never listed.
  if (wanted === '0') return [];
  if (before === undefined) return [{ key, pending: show(wanted) }];
  return [{ key, value: show(before), ...(before === wanted ? {} : { pending: show(wanted) }) }];
}
