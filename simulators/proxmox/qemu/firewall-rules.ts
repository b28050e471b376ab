import { type Call, died, type Endpoint, type ParamRule } from '../call.ts';
import { guestOf, VM_PATH } from './machine.ts';

const RULES_PATH = '/nodes/{node}/qemu/{vmid}/firewall/rules';
const ADDRESS: ParamRule = { type: 'string', optional: true, format: 'pve-fw-addr-spec', maxLength: 512 };
const POSITION: ParamRule = { type: 'integer', optional: true, minimum: 0 };

/** What a rule is made of; a new one needs `action` and `type`. */
const RULE: Readonly<Record<string, ParamRule>> = {
  action: { type: 'string', optional: true, pattern: /[A-Za-z][A-Za-z0-9\-_]+/, minLength: 2, maxLength: 20 },
  comment: { type: 'string', optional: true },
  dest: ADDRESS,
  digest: { type: 'string', optional: true, maxLength: 64 },
  dport: { type: 'string', optional: true, format: 'pve-fw-dport-spec' },
  enable: { type: 'integer', optional: true, minimum: 0 },
  'icmp-type': { type: 'string', optional: true, format: 'pve-fw-icmp-type-spec' },
  iface: { type: 'string', optional: true, format: 'pve-iface', minLength: 2, maxLength: 20 },
  log: {
    type: 'string',
    optional: true,
    enum: ['emerg', 'alert', 'crit', 'err', 'warning', 'notice', 'info', 'debug', 'nolog'],
  },
  macro: { type: 'string', optional: true, maxLength: 128 },
  pos: POSITION,
  proto: { type: 'string', optional: true, format: 'pve-fw-protocol-spec' },
  source: ADDRESS,
  sport: { type: 'string', optional: true, format: 'pve-fw-sport-spec' },
  type: { type: 'string', optional: true, enum: ['in', 'out', 'forward', 'group'] },
};

export const ruleEndpoints: readonly Endpoint[] = [
  {
    method: 'GET',
    path: RULES_PATH,
    params: VM_PATH,
    permission: ['perm', '/vms/{vmid}', ['VM.Audit']],
    handle: (call) => rulesOf(call).map((rule, pos) => ({ pos, ...Object.fromEntries(rule) })),
  },
  {
    method: 'POST',
    path: RULES_PATH,
    params: { ...VM_PATH, ...RULE, action: required(RULE['action']), type: required(RULE['type']) },
    permission: ['perm', '/vms/{vmid}', ['VM.Config.Network']],
    protected: true,
    handle(call) {
      const rules = rulesOf(call);
      // A new rule is off unless it says otherwise, and stands above all others.
      rules.splice(0, 0, new Map<string, unknown>([['enable', 0], ...fields(call)]));
      move(rules, 0, call.params.intOr('pos', 0));
      return null;
    },
  },
  {
    method: 'GET',
    path: `${RULES_PATH}/{pos}`,
    params: { ...VM_PATH, pos: POSITION },
    permission: ['perm', '/vms/{vmid}', ['VM.Audit']],
    handle(call) {
      const pos = call.params.int('pos');
      return { pos, ...Object.fromEntries(ruleAt(call, pos)) };
    },
  },
  {
    method: 'PUT',
    path: `${RULES_PATH}/{pos}`,
    params: {
      ...VM_PATH,
      ...RULE,
      delete: { type: 'string', optional: true, format: 'pve-configid-list' },
      moveto: POSITION,
    },
    permission: ['perm', '/vms/{vmid}', ['VM.Config.Network']],
    protected: true,
    handle(call) {
      const pos = call.params.int('pos');
      const rule = ruleAt(call, pos);
      // Whoever moves a rule changes nothing else about it.
      if (call.params.has('moveto')) move(rulesOf(call), pos, call.params.int('moveto'));
      else {
        for (const name of call.params.list('delete')) rule.delete(name);
        for (const [name, value] of fields(call)) rule.set(name, value);
      }
      return null;
    },
  },
  {
    method: 'DELETE',
    path: `${RULES_PATH}/{pos}`,
    params: { ...VM_PATH, pos: POSITION, digest: { type: 'string', optional: true, maxLength: 64 } },
    permission: ['perm', '/vms/{vmid}', ['VM.Config.Network']],
    protected: true,
    handle(call) {
      const pos = call.params.int('pos');
      ruleAt(call, pos);
      rulesOf(call).splice(pos, 1);
      return null;
    },
  },
];

function rulesOf(call: Call): Map<string, unknown>[] {
  return guestOf(call).firewall.rules;
}

function ruleAt(call: Call, pos: number): Map<string, unknown> {
  const rule = rulesOf(call)[pos];
  if (!rule) throw died(`no rule at position ${pos}`);
  return rule;
}

function fields({ params }: Call): [string, unknown][] {
  return params
    .entries()
    .filter(([name]) => name in RULE && name !== 'pos' && name !== 'digest')
    .map(([name, value]) => [name, value]);
}

function move(rules: Map<string, unknown>[], from: number, to: number): void {
  const [rule] = rules.splice(from, 1);
  if (rule) rules.splice(Math.min(to, rules.length), 0, rule);
}

function required(rule: ParamRule | undefined): ParamRule {
  const { optional: _, ...rest } = rule ?? { type: 'string' };
  return rest;
}
