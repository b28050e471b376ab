import { z } from 'zod';
import type { Plan } from '../actions.ts';
import { HetznerRefusal, type Reply } from '../api.ts';
import { type Call, type Endpoint, id as idSchema } from '../call.ts';
import { type Cloud, refuseAboveLimit, refuseTakenName } from '../cloud.ts';
import { FIREWALLS_PER_SERVER, firewallRules, firewallsOf } from '../firewall-rules.ts';
import { labels, selector } from '../labels.ts';
import { BY_CREATED } from '../listing.ts';
import type { Firewall } from '../state.ts';
import { actionView, firewallView } from '../views.ts';
import { existing, reading } from './collection.ts';

export const firewallEndpoints: readonly Endpoint[] = [
  ...reading<Firewall>({
    path: '/firewalls',
    one: 'firewall',
    many: 'firewalls',
    sortBy: BY_CREATED,
    rows: ({ project }) => project.firewalls.values(),
    view: firewallView,
  }),
  { call: 'POST /firewalls', handle: create },
  { call: 'PUT /firewalls/{id}', handle: update },
  { call: 'DELETE /firewalls/{id}', handle: remove },
  { call: 'POST /firewalls/{id}/actions/set_rules', handle: setRules },
  { call: 'POST /firewalls/{id}/actions/apply_to_resources', handle: apply },
  { call: 'POST /firewalls/{id}/actions/remove_from_resources', handle: withdraw },
];

const resource = z.discriminatedUnion('type', [
  z.object({ type: z.literal('server'), server: z.object({ id: idSchema }) }),
  z.object({
    type: z.literal('label_selector'),
    label_selector: z.object({
      selector: z.string().refine((text) => selector(text) !== undefined, 'invalid label selector'),
    }),
  }),
]);
type Target = z.infer<typeof resource>;

const name = z.string().min(1).max(128);
const order = z.object({
  name,
  labels: labels.nullish(),
  rules: firewallRules.default([]),
  apply_to: z.array(resource).default([]),
});

function create({ cloud, body, fate }: Call): Reply {
  const given = body(order);
  const { firewalls } = cloud.project;
  refuseTakenName(firewalls, given.name, 'firewall');
  refuseAboveLimit(firewalls.size, cloud.limits.firewalls, 'firewall', 'firewall_limit');
  const firewall: Firewall = {
    id: cloud.nextId('firewall'),
    name: given.name,
    created: cloud.clock.now(),
    labels: given.labels ?? {},
    rules: given.rules,
    servers: new Map(),
    selectors: new Set(),
  };
  for (const target of given.apply_to) refuseTarget(cloud, firewall, target);
  firewalls.set(firewall.id, firewall);
  const plans = given.apply_to.map((target) => application(cloud, firewall, target));
  const actions = plans.flatMap((plan) => cloud.actions.start([plan], fate));
  return {
    status: 201,
    body: { firewall: firewallView(cloud, firewall), actions: actions.map((action) => actionView(cloud, action)) },
  };
}

const change = z.object({ name: name.nullish(), labels: labels.nullish() });

function update({ cloud, id, body }: Call): Reply {
  const firewall = existing(cloud.project.firewalls, id, 'firewall');
  const given = body(change);
  if (typeof given.name === 'string') {
    refuseTakenName(cloud.project.firewalls, given.name, 'firewall', firewall.id);
    firewall.name = given.name;
  }
  if (given.labels) firewall.labels = given.labels;
  return { status: 200, body: { firewall: firewallView(cloud, firewall) } };
}

/** Also a server that is gone holds it for a little while. */
function remove({ cloud, id }: Call): Reply {
  const firewall = existing(cloud.project.firewalls, id, 'firewall');
  if (firewall.servers.size > 0 || firewall.selectors.size > 0) {
    throw new HetznerRefusal('resource_in_use', `firewall with ID '${id}' is still in use`);
  }
  cloud.project.firewalls.delete(id);
  return { status: 204 };
}

function setRules({ cloud, id, body, fate }: Call): Reply {
  const firewall = existing(cloud.project.firewalls, id, 'firewall');
  const { rules } = body(z.object({ rules: firewallRules }));
  const ms = cloud.options.timings.firewallMs;
  const done = (): void => {
    firewall.rules = rules;
  };
  const plans = [{ command: 'set_firewall_rules', resources: [{ id, type: 'firewall' as const }], ms, done }];
  return started(cloud, plans, fate);
}

function apply({ cloud, id, body, fate }: Call): Reply {
  const firewall = existing(cloud.project.firewalls, id, 'firewall');
  const targets = body(z.object({ apply_to: z.array(resource).min(1) })).apply_to;
  for (const target of targets) refuseTarget(cloud, firewall, target);
  return started(
    cloud,
    targets.map((target) => application(cloud, firewall, target)),
    fate,
  );
}

function withdraw({ cloud, id, body, fate }: Call): Reply {
  const firewall = existing(cloud.project.firewalls, id, 'firewall');
  const targets = body(z.object({ remove_from: z.array(resource).min(1) })).remove_from;
  for (const target of targets) refuseWithdrawal(cloud, firewall, target);
  const plans = targets.map(
    (target): Plan => ({
      ...application(cloud, firewall, target),
      command: 'remove_firewall',
      begin: () => {},
      done() {
        if (target.type === 'server') firewall.servers.delete(target.server.id);
        else firewall.selectors.delete(target.label_selector.selector);
      },
      failed: () => {},
    }),
  );
  return started(cloud, plans, fate);
}

function refuseTarget(cloud: Cloud, firewall: Firewall, target: Target): void {
  if (target.type === 'label_selector') {
    if (!firewall.selectors.has(target.label_selector.selector)) return;
    throw new HetznerRefusal('firewall_already_applied', 'firewall is already applied');
  }
  const server = cloud.project.servers.get(target.server.id);
  if (!server) throw new HetznerRefusal('firewall_resource_not_found', `server ${target.server.id} not found`);
  if (firewall.servers.has(server.id)) {
    throw new HetznerRefusal('firewall_already_applied', `firewall was already applied to server ${server.id}`);
  }
  if (server.ipv4 === undefined && server.ipv6 === undefined) {
    throw new HetznerRefusal('private_net_only_server', 'server has no public interface');
  }
  const count = firewallsOf(cloud, server).length;
  refuseAboveLimit(count, FIREWALLS_PER_SERVER, 'firewalls per server', 'firewalls_per_server_limit');
}

function refuseWithdrawal(cloud: Cloud, firewall: Firewall, target: Target): void {
  if (target.type === 'label_selector') {
    if (firewall.selectors.has(target.label_selector.selector)) return;
    throw new HetznerRefusal('firewall_resource_not_found', 'label selector not found');
  }
  const { id } = target.server;
  if (firewall.servers.has(id)) return;
  const server = cloud.project.servers.get(id);
  const selected = server && firewallsOf(cloud, server).some((one) => one.firewall === firewall);
  if (selected) {
    throw new HetznerRefusal('firewall_managed_by_label_selector', 'firewall is applied by a label selector');
  }
  throw new HetznerRefusal('firewall_resource_not_found', `server ${id} not found`);
}

function application(cloud: Cloud, firewall: Firewall, target: Target): Plan {
  const own = { id: firewall.id, type: 'firewall' } as const;
  const ms = cloud.options.timings.firewallMs;
  if (target.type === 'label_selector') {
    const add = (): void => void firewall.selectors.add(target.label_selector.selector);
    return { command: 'apply_firewall', resources: [own], ms, done: add };
  }
  const { id } = target.server;
  return {
    command: 'apply_firewall',
    // The server is named and not locked: a firewall is put on from outside.
    resources: [own],
    ms,
    begin: () => void firewall.servers.set(id, 'pending'),
    done: () => void (cloud.project.servers.has(id) && firewall.servers.set(id, 'applied')),
    failed: () => void firewall.servers.delete(id),
  };
}

function started(cloud: Cloud, plans: readonly Plan[], fate: Call['fate']): Reply {
  const actions = plans.flatMap((plan) => cloud.actions.start([plan], fate));
  return { status: 201, body: { actions: actions.map((action) => actionView(cloud, action)) } };
}
