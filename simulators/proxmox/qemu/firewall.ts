import { type Call, died, type Endpoint, type ParamRule } from '../call.ts';
import { digestOf } from '../digest.ts';
import { ipsetEndpoints } from './firewall-ipset.ts';
import { ruleEndpoints } from './firewall-rules.ts';
import { guestOf, VM_PATH } from './machine.ts';

const FLAG: ParamRule = { type: 'boolean', optional: true };
const POLICY: ParamRule = { type: 'string', optional: true, enum: ['ACCEPT', 'REJECT', 'DROP'] };
const LEVEL: ParamRule = {
  type: 'string',
  optional: true,
  enum: ['emerg', 'alert', 'crit', 'err', 'warning', 'notice', 'info', 'debug', 'nolog'],
};

/** The firewall of one machine. It counts only with the datacenter's switch, and `firewall=1` on the network device. */
export const firewallEndpoints: readonly Endpoint[] = [
  {
    method: 'GET',
    path: '/nodes/{node}/qemu/{vmid}/firewall/options',
    params: VM_PATH,
    permission: ['perm', '/vms/{vmid}', ['VM.Audit']],
    handle(call) {
      const options = Object.fromEntries(guestOf(call).firewall.options);
      return { ...options, digest: digestOf(options) };
    },
  },
  {
    method: 'PUT',
    path: '/nodes/{node}/qemu/{vmid}/firewall/options',
    params: {
      ...VM_PATH,
      delete: { type: 'string', optional: true, format: 'pve-configid-list' },
      dhcp: FLAG,
      digest: { type: 'string', optional: true, maxLength: 64 },
      enable: FLAG,
      ipfilter: FLAG,
      log_level_in: LEVEL,
      log_level_out: LEVEL,
      macfilter: FLAG,
      ndp: FLAG,
      policy_in: POLICY,
      policy_out: POLICY,
      radv: FLAG,
    },
    permission: ['perm', '/vms/{vmid}', ['VM.Config.Network']],
    protected: true,
    handle: setOptions,
  },
  ...ruleEndpoints,
  ...ipsetEndpoints,
];

function setOptions(call: Call): null {
  const { params } = call;
  const { options } = guestOf(call).firewall;
  if (params.has('digest') && params.text('digest') !== digestOf(Object.fromEntries(options))) {
    throw died('detected modified configuration - file changed by other user? Try again.');
  }
  for (const name of params.list('delete')) options.delete(name);
  for (const [name, value] of params.entries()) {
    if (['node', 'vmid', 'delete', 'digest'].includes(name)) continue;
    options.set(name, typeof value === 'boolean' ? Number(value) : value);
  }
  return null;
}
