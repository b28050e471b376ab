import { type Call, type Endpoint, PveRefusal } from '../call.ts';
import { digestOf } from '../digest.ts';
import { FLAG, optional } from '../rules.ts';

const POLICY = { type: 'string', optional: true, enum: ['ACCEPT', 'REJECT', 'DROP'] } as const;

/** The datacenter's firewall switch; without it no rule of any machine counts. */
export const firewallEndpoints: readonly Endpoint[] = [
  {
    method: 'GET',
    path: '/cluster/firewall/options',
    params: {},
    permission: ['perm', '/', ['Sys.Audit']],
    handle: ({ pve: { cluster } }) => ({ ...shown(cluster.firewall), digest: digestOf(shown(cluster.firewall)) }),
  },
  {
    method: 'PUT',
    path: '/cluster/firewall/options',
    params: {
      enable: { type: 'integer', optional: true, minimum: 0 },
      ebtables: optional(FLAG),
      policy_in: POLICY,
      policy_out: POLICY,
      policy_forward: { type: 'string', optional: true, enum: ['ACCEPT', 'DROP'] },
      log_ratelimit: {
        type: 'string',
        optional: true,
        properties: {
          enable: { type: 'boolean', isDefault: true },
          burst: { type: 'integer', optional: true, minimum: 0 },
          rate: { type: 'string', optional: true, pattern: /[1-9][0-9]*\/(second|minute|hour|day)/ },
        },
      },
      delete: { type: 'string', optional: true, format: 'pve-configid-list' },
      digest: { type: 'string', optional: true, maxLength: 64 },
    },
    permission: ['perm', '/', ['Sys.Modify']],
    protected: true,
    handle: update,
  },
];

function shown({ enable, options }: Call['pve']['cluster']['firewall']): Record<string, unknown> {
  return { ...(enable ? { enable: 1 } : {}), ...Object.fromEntries(options) };
}

function update({ params, pve: { cluster } }: Call): null {
  const { firewall } = cluster;
  if (params.has('digest') && params.text('digest') !== digestOf(shown(firewall))) {
    throw new PveRefusal(500, 'detected modified configuration - file changed by other user? Try again.');
  }
  for (const name of params.list('delete')) {
    if (name === 'enable') firewall.enable = false;
    else firewall.options.delete(name);
  }
  for (const [name, value] of params.entries()) {
    if (name === 'enable') firewall.enable = value !== 0;
    else if (name !== 'delete' && name !== 'digest')
      firewall.options.set(name, value === true ? 1 : value === false ? 0 : value);
  }
  return null;
}
