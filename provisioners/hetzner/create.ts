import {
  isProvisionerError,
  type MachineOrder,
  type Operation,
  type OwnerStamp,
  ProvisionerError,
} from '../../src/provisioner/index.ts';
import { isAbsent } from './api.ts';
import { bringUp } from './bring-up.ts';
import { type Refusal, refused } from './errors.ts';
import { findByStamp, knownId, mustCarry, SERVER } from './find.ts';
import { carries, LABEL, readStamp, stampLabels } from './labels.ts';
import { orderedImage, type Placement, placements } from './placement.ts';
import { type Accepted, submit } from './submit.ts';
import type { Target } from './target.ts';
import { userData } from './user-data.ts';
import type { Server } from './wire.ts';

/** What `test-provision` orders under; no offering of the platform can have this id. */
const TRIAL = 'dc-agent-test-provision';
/** The handle under which the ids of a new server's actions are remembered, behind the id of the server. */
const ACTIONS = 'actions';

/**
 * Makes the server of one order and leads it to `running`, from whatever an earlier attempt left. Names are unique in a project,
 * so two requests for one order, however late the first arrives, end with one server.
 */
export async function createMachine(target: Target, order: MachineOrder, op: Operation): Promise<Server> {
  refuseOthers(target, order);
  // What can be wrong with the order itself shows before anything is asked for.
  const data = userData(order);
  const known = knownId({ handles: op.handles });
  const mayExist = op.attempt > 1 || op.outcomeUnknown || known !== undefined;
  const before = mayExist ? await lookBack(target, order.stamp, known, op) : undefined;
  if (before)
    op.log.info({ server: before.id, status: before.status }, 'hetzner: adopting what an earlier attempt made');
  const accepted = before ? adopted(before, op) : await make(target, order, data, op);
  if (String(accepted.id) !== op.handles[SERVER]) await op.remember(SERVER, String(accepted.id));
  const limitMs = target.settings.create_timeout_seconds * 1000;
  const { id, actions } = accepted;
  return bringUp(target, { id, stamp: order.stamp, actions, otherwise: 'replace', limitMs }, op);
}

/** The platform makes machines at Hetzner too, for offerings that name no agent; making one of those again would sell it twice. */
function refuseOthers({ settings }: Target, { offering }: MachineOrder): void {
  if (offering === TRIAL || settings.offerings.includes(offering)) return;
  throw new ProvisionerError(
    'capacity',
    `Offering ${offering} is not in 'offerings' of this target: it is left to others`,
  );
}

async function lookBack(
  target: Target,
  stamp: OwnerStamp,
  known: number | undefined,
  op: Operation,
): Promise<Server | undefined> {
  const asking = { lane: 'make', signal: op.signal } as const;
  const server = known === undefined ? undefined : await target.reader.byId(known, stamp, asking);
  if (server !== undefined && carries(server.labels, stamp)) return server;
  return (await findByStamp(target, stamp, asking))[0];
}

/** The actions that were remembered, if they are of this server: waiting for them beats looking what runs. */
function adopted({ id }: Server, { handles }: Operation): Accepted {
  const [of, list = ''] = (handles[ACTIONS] ?? '').split(':');
  const actions = of === String(id) ? list.split(',').filter((each) => /^\d{1,16}$/.test(each)) : [];
  return { id, actions: actions.map(Number) };
}

async function make(target: Target, order: MachineOrder, data: string, op: Operation): Promise<Accepted> {
  const { catalogue, settings, stock, clock } = target;
  const asking = { lane: 'make', signal: op.signal } as const;
  if (stock.fullForMs > 0) throw full();
  const [types, images, keyId, firewallId] = await Promise.all([
    catalogue.serverTypes(asking),
    catalogue.images(orderedImage(order, settings), asking),
    target.key.ensure(asking),
    settings.firewall === undefined ? undefined : catalogue.firewallId(settings.firewall, asking),
  ]);
  if (images.length === 0) {
    throw new ProvisionerError('config', `There is no image ${orderedImage(order, settings)}: choose another one`);
  }
  const possible = placements(order, settings, { types, images, now: clock.now() });
  let refusal: Refusal | undefined;
  for (const placement of stock.worthAsking(possible)) {
    const body = serverBody(order, placement, { data, keyId, firewallId, settings });
    const outcome = await submitOnce(target, order, body, op);
    if (!('refusal' in outcome)) {
      stock.made(placement);
      if (placement.insteadOf !== undefined) {
        const made = `${placement.type}.${placement.location}`;
        op.log.info({ ordered: placement.insteadOf, made }, 'hetzner: something else was made than what was named');
      }
      await op.remember(ACTIONS, `${outcome.id}:${outcome.actions.map((each) => actionId(each)).join(',')}`);
      return outcome;
    }
    refusal = outcome.refusal;
    judge(target, refusal);
    op.log.info({ ...placement, code: refusal.code }, 'hetzner: refused, trying what else the order allows');
    stock.soldOut(placement);
  }
  throw soldOut(refusal);
}

/** Goes on where another type or location may help; throws where none will. */
function judge({ catalogue, key, stock }: Target, refusal: Refusal): void {
  if (refusal.code === 'resource_limit_exceeded') {
    stock.accountFull();
    throw refused(refusal);
  }
  if (isAbsent(refusal)) {
    // An image, a key or a firewall has gone since it was looked up; the next attempt looks again.
    catalogue.forget();
    key.forget();
    throw new ProvisionerError('retry', `Hetzner refused to ${refusal.doing}: ${refusal.text}`);
  }
  const choice = refusal.fields.some((field) => ['server_type', 'location', 'image'].includes(field));
  if (refusal.code === 'invalid_input' && !choice) throw refused(refusal);
}

/** A lost answer is looked up at once: the name tells whether the request arrived. It is never sent a second time here. */
async function submitOnce(
  target: Target,
  order: MachineOrder,
  body: object,
  op: Operation,
): Promise<Accepted | { refusal: Refusal }> {
  const asking = { lane: 'make', signal: op.signal } as const;
  const remember = (id: number): Promise<void> => op.remember(SERVER, String(id));
  try {
    const outcome = await submit(target.client, body, remember, asking);
    return outcome === 'name-taken' ? await ownOfName(target, order, op) : outcome;
  } catch (error) {
    if (!isProvisionerError(error) || error.kind !== 'unknown-outcome' || op.signal.aborted) throw error;
    op.log.warn({ error }, 'hetzner: the answer to a create was lost, looking what became of it');
    const [found] = await findByStamp(target, order.stamp, asking);
    if (found === undefined) throw error;
    return { id: found.id, actions: [] };
  }
}

/** A server of our name: an earlier request of this operation won, or somebody else's server is called so. */
async function ownOfName({ api, agent }: Target, { name, stamp }: MachineOrder, op: Operation): Promise<Accepted> {
  const { entries } = await api.servers([['name', name]], { lane: 'make', signal: op.signal });
  const [found] = entries;
  if (found === undefined)
    throw new ProvisionerError('retry', `The name ${name} was taken a moment ago, and is free now`);
  const older = readStamp(found.labels, agent);
  if (found.status === 'deleting' && older?.contract === stamp.contract) {
    throw new ProvisionerError('retry', `The server of an earlier attempt is still being deleted`);
  }
  if (isPoolMates(found, stamp)) {
    // Handed back, so that the other one can deliver what it has; two machines for one contract would be one too many.
    throw new ProvisionerError('capacity', `Another agent has made server ${found.id} for this contract already`);
  }
  return { id: mustCarry(found, stamp).id, actions: [] };
}

/** Of the same contract, and of another agent that works with this project. */
function isPoolMates({ labels }: Server, stamp: OwnerStamp): boolean {
  const own = stampLabels(stamp);
  return labels[LABEL.contract] === own[LABEL.contract] && labels[LABEL.agent] !== own[LABEL.agent];
}

function serverBody(
  order: MachineOrder,
  { type, location, imageId, insteadOf }: Placement,
  given: {
    readonly data: string;
    readonly keyId: number;
    readonly firewallId: number | undefined;
    readonly settings: Target['settings'];
  },
): object {
  return {
    name: order.name,
    server_type: type,
    location,
    image: String(imageId),
    ssh_keys: [String(given.keyId)],
    user_data: given.data,
    labels: { ...stampLabels(order.stamp), ...(insteadOf === undefined ? {} : { [LABEL.ordered]: insteadOf }) },
    public_net: { enable_ipv4: given.settings.ipv4 === 'own', enable_ipv6: true },
    start_after_create: true,
    // With the call that makes it: a server is never reachable without its firewall.
    ...(given.firewallId === undefined ? {} : { firewalls: [{ firewall: given.firewallId }] }),
  };
}

function actionId(action: Accepted['actions'][number]): number {
  return typeof action === 'number' ? action : action.id;
}

function full(): ProvisionerError {
  return new ProvisionerError('capacity', "The account's limit was reached a moment ago: ask Hetzner for a higher one");
}

function soldOut(refusal: Refusal | undefined): ProvisionerError {
  const last = refusal === undefined ? '' : ` (the last refusal: ${refusal.text})`;
  return new ProvisionerError('capacity', `Nothing of what this order allows is in stock${last}`);
}
