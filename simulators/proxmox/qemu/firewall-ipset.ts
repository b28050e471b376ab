import { badParameters, type Call, died, type Endpoint, type ParamRule } from '../call.ts';
import { guestOf, VM_PATH } from './machine.ts';

const IPSET_PATH = '/nodes/{node}/qemu/{vmid}/firewall/ipset';
const NAME: ParamRule = { type: 'string', pattern: /[A-Za-z][A-Za-z0-9\-_]+/, minLength: 2, maxLength: 64 };
const CIDR: ParamRule = { type: 'string', format: 'IPorCIDRorAlias' };
const COMMENT: ParamRule = { type: 'string', optional: true };
const DIGEST: ParamRule = { type: 'string', optional: true, maxLength: 64 };
const FLAG: ParamRule = { type: 'boolean', optional: true };

const AUDIT = ['perm', '/vms/{vmid}', ['VM.Audit']] as const;
const NETWORK = ['perm', '/vms/{vmid}', ['VM.Config.Network']] as const;

/** Sets of addresses; `ipfilter-net0` holds what the first network device may send from. */
export const ipsetEndpoints: readonly Endpoint[] = [
  {
    method: 'GET',
    path: IPSET_PATH,
    params: VM_PATH,
    permission: AUDIT,
    handle: (call) => [...guestOf(call).firewall.ipsets.keys()].toSorted().map((name) => ({ name })),
  },
  {
    method: 'POST',
    path: IPSET_PATH,
    params: { ...VM_PATH, name: NAME, comment: COMMENT, digest: DIGEST, rename: { ...NAME, optional: true } },
    permission: NETWORK,
    protected: true,
    handle(call) {
      const { ipsets } = guestOf(call).firewall;
      const name = call.params.text('name');
      if (!call.params.has('rename')) {
        if (ipsets.has(name)) throw badParameters({ name: `IPSet '${name}' already exists` });
        ipsets.set(name, new Map());
        return null;
      }
      const from = call.params.text('rename');
      const members = ipsets.get(from);
      if (!members) throw badParameters({ name: `IPSet '${from}' does not exist` });
      ipsets.delete(from);
      ipsets.set(name, members);
      return null;
    },
  },
  {
    method: 'DELETE',
    path: `${IPSET_PATH}/{name}`,
    params: { ...VM_PATH, name: NAME, force: FLAG },
    permission: NETWORK,
    protected: true,
    handle(call) {
      const name = call.params.text('name');
      if (members(call).size > 0 && !call.params.flag('force')) throw died(`IPSet '${name}' is not empty`);
      guestOf(call).firewall.ipsets.delete(name);
      return null;
    },
  },
  {
    method: 'GET',
    path: `${IPSET_PATH}/{name}`,
    params: { ...VM_PATH, name: NAME },
    permission: AUDIT,
    handle: (call) =>
      [...members(call)].map(([cidr, comment]) => ({ cidr, ...(comment === undefined ? {} : { comment }) })),
  },
  {
    method: 'POST',
    path: `${IPSET_PATH}/{name}`,
    params: { ...VM_PATH, name: NAME, cidr: CIDR, comment: COMMENT, nomatch: FLAG },
    permission: NETWORK,
    protected: true,
    handle(call) {
      const [set, cidr] = [members(call), call.params.text('cidr')];
      if (set.has(cidr)) throw badParameters({ cidr: `address '${cidr}' already exists` });
      set.set(cidr, call.params.textOr('comment', undefined));
      return null;
    },
  },
  {
    method: 'PUT',
    path: `${IPSET_PATH}/{name}/{cidr}`,
    params: { ...VM_PATH, name: NAME, cidr: CIDR, comment: COMMENT, digest: DIGEST, nomatch: FLAG },
    permission: NETWORK,
    protected: true,
    handle(call) {
      const [set, cidr] = [members(call), call.params.text('cidr')];
      if (!set.has(cidr)) throw badParameters({ cidr: 'no such IP/Network' });
      set.set(cidr, call.params.textOr('comment', undefined));
      return null;
    },
  },
  {
    method: 'DELETE',
    path: `${IPSET_PATH}/{name}/{cidr}`,
    params: { ...VM_PATH, name: NAME, cidr: CIDR, digest: DIGEST },
    permission: NETWORK,
    protected: true,
    handle(call) {
      members(call).delete(call.params.text('cidr'));
      return null;
    },
  },
];

function members(call: Call): Map<string, string | undefined> {
  const name = call.params.text('name');
  const set = guestOf(call).firewall.ipsets.get(name);
  if (!set) throw died(`no such IPSet '${name}'`);
  return set;
}
