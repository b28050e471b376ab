import { isTemplate } from '../machine.ts';
import { DC_TAG, hasTag } from '../tags.ts';
import { templateFaults } from '../template.ts';
import type { PveVmRow } from '../wire.ts';
import { grantsFor, privilegesOf } from './grants.ts';
import { TEMPLATE_TAG } from './names.ts';
import type { SetupOrder } from './plan.ts';

/** What must not be touched or cannot work, in sentences that say what to do. Pure. */
export function objections(order: SetupOrder): string[] {
  return [...aboutRole(order), ...aboutUser(order), ...aboutPool(order), ...aboutTemplate(order)];
}

/** A role of somebody else's must not change under him. */
function aboutRole({ cluster, names, settings }: SetupOrder): string[] {
  const { role, user } = names;
  const found = cluster.roles.find(({ id }) => id === role);
  const known = privilegesOf(cluster.roles);
  const wanted = grantsFor(settings, cluster.version.major).privileges;
  const unknown = wanted.filter((one) => known.size > 0 && !known.has(one));
  const others = cluster.acl.filter(
    ({ roleid, ugid }) => roleid === role && ugid !== user && !ugid.startsWith(`${user}!`),
  );
  return [
    ...(found?.builtIn ? [`'${role}' is a role of Proxmox itself: choose another name with --role`] : []),
    ...(/^pve/i.test(role)
      ? [`Proxmox keeps names of roles that begin with PVE for itself: choose another with --role`]
      : []),
    ...(others.length > 0
      ? [`role '${role}' is used by ${unique(others.map(({ ugid }) => ugid))} too: choose another name with --role`]
      : []),
    ...(unknown.length > 0 ? [`Proxmox VE ${cluster.version.text} knows no privilege ${unknown.join(', ')}`] : []),
  ];
}

function aboutUser({ cluster, names: { user }, now }: SetupOrder): string[] {
  const found = cluster.users.find(({ userid }) => userid === user);
  if (found === undefined) {
    // Proxmox takes a user of any realm, also of one that does not exist, who could never do anything.
    return user.endsWith('@pve') ? [] : [`there is no user ${user}; without --user the setup makes one of realm pve`];
  }
  const expired = found.expire !== undefined && found.expire !== 0 && found.expire * 1000 <= now;
  return found.enable && !expired
    ? []
    : [`user ${user} is ${expired ? 'expired' : 'disabled'}: enable it, or give --user`];
}

/** The agent's rights are on the pool: whatever else is in it, the token could stop and remove. */
function aboutPool({ cluster, names: { pool }, template }: SetupOrder): string[] {
  const strangers = cluster.guests.filter((row) => row.pool === pool && row.vmid !== template && !isAgents(row));
  if (strangers.length === 0) return [];
  const list = strangers.map(({ vmid, name }) => `${vmid}${name === undefined ? '' : ` (${name})`}`).join(', ');
  return [
    `pool '${pool}' has guests that are not the agent's, over which it would get power: ${list}; choose another with --pool`,
  ];
}

function isAgents({ tags, name }: PveVmRow): boolean {
  // The tag may be missing where the datacenter admits only its own tags.
  return hasTag(tags, DC_TAG) || hasTag(tags, TEMPLATE_TAG) || /^dc-[0-9a-f]{16}$/.test(name ?? '');
}

function aboutTemplate({ template, details, choices, names }: SetupOrder): string[] {
  if (template === undefined) return [];
  const found = details.templates.find(({ row }) => row.vmid === template);
  if (found === undefined) return [`there is no VM ${template} that could be the template`];
  const { row, config } = found;
  const faults = isTemplate(config) ? templateFaults(config, choices) : ['it is not a template'];
  if (row.node !== choices.node) faults.push(`it is on node '${row.node}', and machines are made on '${choices.node}'`);
  if (row.pool !== undefined && row.pool !== names.pool) {
    faults.push(
      `it is in pool '${row.pool}', and a guest can be in one pool only: name that with --pool, or take it out`,
    );
  }
  return faults.map((fault) => `template ${template} cannot be used: ${fault}`);
}

function unique(names: readonly string[]): string {
  return [...new Set(names)].join(', ');
}
