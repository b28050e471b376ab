import {
  isProvisionerError,
  type MachineOrder,
  machineName,
  type Operation,
  ProvisionerError,
} from '../../src/provisioner/index.ts';
import { bringUp } from './bring-up.ts';
import type { Asking } from './client.ts';
import { type Refusal, refused } from './errors.ts';
import { DROPLET, findByStamp, knownId } from './find.ts';
import { orderedImage, type Placement, placements } from './placement.ts';
import { type Accepted, submit } from './submit.ts';
import { agentTag, isBare, orderedTag, orderTag } from './tags.ts';
import { pause, type Target } from './target.ts';
import { oldestOf, removeLater } from './twins.ts';
import { userData } from './user-data.ts';
import type { Droplet } from './wire.ts';

/** The handle under which the id of the action is remembered that makes the droplet, behind the id of the droplet. */
const ACTION = 'action';

/**
 * Makes the droplet of one order and leads it to `active`, from whatever an earlier attempt left. Nothing in the API keeps two
 * requests from making two droplets: whatever may exist is looked for first, and of two that a race made the oldest stays.
 */
export async function createMachine(target: Target, order: MachineOrder, op: Operation): Promise<Droplet> {
  // What can be wrong with the order itself shows before anything is asked for.
  const data = userData(order);
  const known = knownId({ handles: op.handles });
  const mayExist = op.attempt > 1 || op.outcomeUnknown || known !== undefined;
  const before = mayExist ? await lookBack(target, order, known, op) : undefined;
  if (before) {
    op.log.info({ droplet: before.id, status: before.status }, 'digitalocean: adopting what an earlier attempt made');
  }
  const accepted: Accepted = before ? adopted(before, op) : await make(target, order, data, op);
  const made = await lead(target, accepted, order, op);
  if (!mayExist) return made;
  const oldest = await oldestOf(target, made, order.stamp, op);
  const kept = oldest.id === made.id ? made : await lead(target, { id: oldest.id }, order, op);
  await removeLater(target, kept, order.stamp, op);
  return kept;
}

async function lead(target: Target, accepted: Accepted, { stamp }: MachineOrder, op: Operation): Promise<Droplet> {
  if (String(accepted.id) !== op.handles[DROPLET]) await op.remember(DROPLET, String(accepted.id));
  const limitMs = target.settings.create_timeout_seconds * 1000;
  return bringUp(target, { ...accepted, stamp, whose: 'made', limitMs }, op);
}

/** The oldest droplet of this operation. One that is known by its id and has no tags yet is of it too: its order was answered with that id. */
async function lookBack(
  target: Target,
  { stamp }: MachineOrder,
  known: number | undefined,
  op: Operation,
): Promise<Droplet | undefined> {
  const asking = { lane: 'make', signal: op.signal } as const;
  const [oldest] = await findByStamp(target, stamp, asking);
  if (oldest !== undefined || known === undefined) return oldest;
  const droplet = await target.reader.byId(known, asking);
  return droplet?.name === machineName(stamp.contract) && isBare(droplet.tags) ? droplet : undefined;
}

/** The action that was remembered, if it is of this droplet: waiting for it beats looking what the droplet does. */
function adopted({ id }: Droplet, { handles }: Operation): Accepted {
  const [of, action = ''] = (handles[ACTION] ?? '').split(':');
  return { id, ...(of === String(id) && /^\d{1,16}$/.test(action) ? { action: Number(action) } : {}) };
}

async function make(target: Target, order: MachineOrder, data: string, op: Operation): Promise<Accepted> {
  const { catalogue, settings, stock } = target;
  const asking = { lane: 'make', signal: op.signal } as const;
  if (stock.fullForMs > 0) throw full();
  const wanted = orderedImage(order, settings);
  const [sizes, regions, image, key, firewallTag, vpcs] = await Promise.all([
    catalogue.sizes(asking),
    catalogue.regions(asking),
    catalogue.image(wanted, asking),
    target.key.ensure(asking),
    settings.firewall === undefined ? undefined : catalogue.firewallTag(settings.firewall, asking),
    Promise.all(settings.vpcs.map(async (id) => ({ id, region: await catalogue.vpcRegion(id, asking) }))),
  ]);
  if (image === undefined) throw new ProvisionerError('config', `There is no image ${wanted}: choose another one`);
  let refusal: Refusal | undefined;
  for (const placement of stock.worthAsking(placements(order, settings, { sizes, regions, image }))) {
    const vpc = vpcs.find(({ region }) => region === placement.region)?.id;
    const body = dropletBody(order, placement, { data, key, firewallTag, vpc, image: wanted, settings });
    const outcome = await submitOnce(target, order, body, op);
    if (!('refusal' in outcome)) {
      stock.made(placement);
      tellSubstitution(placement, op);
      if (outcome.action !== undefined) await op.remember(ACTION, `${outcome.id}:${outcome.action}`);
      return outcome;
    }
    refusal = outcome.refusal;
    judge(target, refusal);
    const { size, region } = placement;
    op.log.info({ size, region, refusal: refusal.text }, 'digitalocean: refused, trying what else the order allows');
    stock.soldOut(placement);
  }
  throw refusal?.topic === 'choice' ? refused(refusal) : soldOut(refusal);
}

/** Goes on where another size or region may help; throws where none will. */
function judge({ catalogue, key, stock }: Target, refusal: Refusal): void {
  if (refusal.topic === 'limit') stock.accountFull();
  // What the catalogue says is not so any more, or the key has gone since it was looked up; the next attempt looks again.
  if (refusal.topic === 'choice') catalogue.forget();
  if (refusal.topic === 'key') key.forget();
  if (refusal.topic === 'limit' || refusal.topic === 'key') throw refused(refusal);
}

const LOOKS = 5;
const LOOK_PAUSE_MS = 3_000;

/**
 * A lost answer is looked up at once, for a while: a request may arrive late, and a droplet shows its tags late. It is never sent a
 * second time here.
 */
async function submitOnce(
  target: Target,
  order: MachineOrder,
  body: object,
  op: Operation,
): Promise<Accepted | { refusal: Refusal }> {
  const asking: Asking = { lane: 'make', signal: op.signal };
  try {
    return await submit(target.client, body, (id) => op.remember(DROPLET, String(id)), asking);
  } catch (error) {
    if (!isProvisionerError(error) || error.kind !== 'unknown-outcome' || op.signal.aborted) throw error;
    op.log.warn({ error }, 'digitalocean: the answer to a create was lost, looking what became of it');
    for (let looks = 1; looks <= LOOKS; looks++) {
      const [found] = await findByStamp(target, order.stamp, asking);
      if (found !== undefined) return { id: found.id };
      await pause(target, LOOK_PAUSE_MS, op.signal);
    }
    throw error;
  }
}

function dropletBody(
  { name, stamp }: MachineOrder,
  { size, region, insteadOf }: Placement,
  given: {
    readonly data: string;
    readonly key: string;
    readonly firewallTag: string | undefined;
    readonly vpc: string | undefined;
    readonly image: string;
    readonly settings: Target['settings'];
  },
): object {
  const tags = [orderTag(stamp), agentTag(stamp.agent)];
  // With the order that makes it: a firewall takes hold of a droplet by its tag.
  if (given.firewallTag !== undefined) tags.push(given.firewallTag);
  if (insteadOf !== undefined) tags.push(orderedTag(insteadOf.size, insteadOf.region));
  return {
    name,
    size,
    region,
    // An image of the account's own has a number and no slug.
    image: /^\d+$/.test(given.image) ? Number(given.image) : given.image,
    ssh_keys: [given.key],
    user_data: given.data,
    tags,
    ipv6: given.settings.ipv6 === 'own',
    backups: false,
    monitoring: false,
    // The provider's own agent would let whoever has the account into the tenant's machine.
    with_droplet_agent: false,
    ...(given.vpc === undefined ? {} : { vpc_uuid: given.vpc }),
  };
}

function tellSubstitution({ size, region, insteadOf }: Placement, { log }: Operation): void {
  if (insteadOf === undefined) return;
  const ordered = `${insteadOf.size} in ${insteadOf.region}`;
  log.info({ ordered, made: `${size} in ${region}` }, 'digitalocean: something else was made than what was named');
}

function full(): ProvisionerError {
  const what = "The account's droplet limit was reached a moment ago: ask DigitalOcean for a higher one";
  return new ProvisionerError('capacity', what);
}

function soldOut(refusal: Refusal | undefined): ProvisionerError {
  const last = refusal === undefined ? '' : ` (the last refusal: ${refusal.text})`;
  return new ProvisionerError('capacity', `Nothing of what this order allows is in stock${last}`);
}
