import {
  isProvisionerError,
  type MachineOrder,
  type Operation,
  type OwnerStamp,
  ProvisionerError,
} from '../../src/provisioner/index.ts';
import { bringUp } from './bring-up.ts';
import { type Refusal, refused } from './errors.ts';
import { byAge, HANDLE, knownId, lookForStamp, unsettledMs } from './find.ts';
import { orderedImage, type Placement, placements } from './placement.ts';
import { removeInstance } from './remove.ts';
import { submit } from './submit.ts';
import { carries, isPoolMates, isUnmarked, stampTags, TAG } from './tags.ts';
import { pause, type Target } from './target.ts';
import { userData } from './user-data.ts';
import type { VultrInstance } from './wire.ts';

/** What `test-provision` orders under; no offering of the platform can have this id. */
const TRIAL = 'dc-agent-test-provision';

/**
 * Makes the instance of one order and leads it up, from whatever an earlier attempt left. Nothing in this API is unique but ids,
 * so two requests for one order, the first of which arrives late, make two: the oldest is kept, and the others are removed.
 */
export async function createMachine(target: Target, order: MachineOrder, op: Operation): Promise<VultrInstance> {
  refuseOthers(target, order);
  // What can be wrong with the order itself shows before anything is asked for.
  const data = userData(order);
  const mayExist = op.attempt > 1 || op.outcomeUnknown || knownId(target, { handles: op.handles }) !== undefined;
  const before = mayExist ? await lookBack(target, order.stamp, op) : undefined;
  if (before) op.log.info({ instance: before.id, status: before.status }, 'vultr: adopting what was made before');
  const id = before?.id ?? (await make(target, order, data, op));
  const up = await raise(target, id, order.stamp, op);
  if (!mayExist) return up;
  // By now lists show what an earlier request made late.
  const kept = await keepOldest(target, up, order.stamp, op);
  return kept.id === up.id ? up : raise(target, kept.id, order.stamp, op);
}

/** The platform makes machines at Vultr too, for offerings that name no agent; making one of those again would sell it twice. */
function refuseOthers({ settings }: Target, { offering }: MachineOrder): void {
  if (offering === TRIAL || settings.offerings.includes(offering)) return;
  throw new ProvisionerError(
    'capacity',
    `Offering ${offering} is not in 'offerings' of this target: it is left to others`,
  );
}

async function raise(target: Target, id: string, stamp: OwnerStamp, op: Operation): Promise<VultrInstance> {
  if (id !== op.handles[HANDLE.instance]) await op.remember(HANDLE.instance, id);
  const limitMs = target.settings.create_timeout_seconds * 1000;
  return bringUp(target, { id, stamp, otherwise: 'replace', limitMs }, op);
}

const LOOK_AGAIN_MS = 5_000;

/** What earlier attempts made. Where one of them asked a moment ago, nothing is believed to be absent until lists have settled. */
async function lookBack(target: Target, stamp: OwnerStamp, op: Operation): Promise<VultrInstance | undefined> {
  const asking = { lane: 'make', signal: op.signal } as const;
  const known = knownId(target, { handles: op.handles });
  const found = known === undefined ? undefined : await target.reader.byId(known, asking);
  if (found !== undefined && carries(found, stamp)) return keepOldest(target, found, stamp, op);
  // Its id came with the answer to our own order, and its tags are late.
  if (found !== undefined && isUnmarked(found, stamp)) return found;
  for (;;) {
    const { complete, entries } = await lookForStamp(target, stamp, asking);
    const [oldest] = entries;
    if (oldest !== undefined) return keepOldest(target, oldest, stamp, op);
    if (!complete)
      throw new ProvisionerError('retry', 'Vultr could not list all instances, so none can be called absent');
    const left = unsettledMs(target, op);
    if (left <= 0) return undefined;
    await pause(target, Math.min(left, LOOK_AGAIN_MS), op.signal);
  }
}

/**
 * The oldest instance of this stamp, of which one is known; the others are removed. Nobody was told of any of them yet. Where not
 * all can be seen, none is removed: the agent finds what is left over in its lists.
 */
async function keepOldest(
  target: Target,
  known: VultrInstance,
  stamp: OwnerStamp,
  op: Operation,
): Promise<VultrInstance> {
  const { complete, entries } = await lookForStamp(target, stamp, { lane: 'make', signal: op.signal });
  const all = [...entries.filter(({ id }) => id !== known.id), known].toSorted(byAge);
  if (!complete) return known;
  const [oldest = known, ...others] = all;
  for (const { id } of others) {
    op.log.warn({ keeping: oldest.id, removing: id }, 'vultr: two instances were made for one order');
    await removeInstance(target, id, stamp, op);
  }
  return oldest;
}

async function make(target: Target, order: MachineOrder, data: string, op: Operation): Promise<string> {
  const { catalogue, settings, stock } = target;
  const asking = { lane: 'make', signal: op.signal } as const;
  if (stock.fullForMs > 0) throw full('a moment ago');
  const image = orderedImage(order, settings);
  const [everything, plans, imageGb, available] = await Promise.all([
    target.everything(asking),
    catalogue.plans(asking),
    catalogue.imageGb(image, asking),
    Promise.all(settings.regions.map(async (region) => [region, await catalogue.available(region, asking)] as const)),
  ]);
  const mates = everything.entries.find((each) => isPoolMates(each, order.stamp));
  if (mates !== undefined) {
    // Handed back, so that the other one can deliver what it has; two machines for one contract would be one too many.
    throw new ProvisionerError('capacity', `Another agent has made instance ${mates.id} for this contract already`);
  }
  const inStock = new Map(available);
  const isAvailable = (plan: string, region: string): boolean => inStock.get(region)?.has(plan) === true;
  let last = '';
  for (const placement of stock.worthAsking(placements(order, settings, { plans, imageGb, isAvailable }))) {
    const outcome = await submitOnce(target, order, bodyOf(order, placement, { data, image, settings }), op);
    if ('id' in outcome) {
      stock.made(placement);
      if (placement.insteadOf !== undefined) {
        const made = `${placement.plan}_${placement.region}`;
        op.log.info({ ordered: placement.insteadOf, made }, 'vultr: something else was made than what was named');
      }
      return outcome.id;
    }
    judge(target, outcome.refusal);
    last = ` (the last refusal: ${outcome.refusal.text})`;
    op.log.info({ ...placement, status: outcome.refusal.status }, 'vultr: refused, trying what else the order allows');
    stock.soldOut(placement);
  }
  throw new ProvisionerError('capacity', `Nothing of what this order allows is in stock${last}`);
}

/**
 * Goes on where another plan or region may help; throws where none will. The API has no codes: its text decides which of two
 * harmless ways is gone, and never that an order fails.
 */
function judge({ catalogue, stock }: Target, refusal: Refusal): void {
  if (/maximum number|limit/i.test(refusal.text)) {
    stock.accountFull();
    throw full(refusal.text);
  }
  if (refusal.status !== 404 && /\b(plan|region|location|datacenter|available|capacity|stock)/i.test(refusal.text))
    return;
  // An image or a firewall group may have gone since it was looked up; the next attempt looks again.
  catalogue.forget();
  throw refused(refusal);
}

/** A lost answer is looked up at once. The request is never sent a second time here: what is missing now may show later. */
async function submitOnce(
  target: Target,
  { stamp }: MachineOrder,
  body: object,
  op: Operation,
): Promise<Awaited<ReturnType<typeof submit>>> {
  const asking = { lane: 'make', signal: op.signal } as const;
  // Before it is sent: whoever comes after a crash must know that there may be something to wait for.
  await op.remember(HANDLE.endpoint, target.settings.endpoint);
  await op.remember(HANDLE.asked, String(Math.round(target.clock.now())));
  try {
    return await submit(target.client, body, (id) => op.remember(HANDLE.instance, id), asking);
  } catch (error) {
    if (!isProvisionerError(error) || error.kind !== 'unknown-outcome' || op.signal.aborted) throw error;
    op.log.warn({ error }, 'vultr: the answer to a create was lost, looking what became of it');
    const [found] = (await lookForStamp(target, stamp, asking)).entries;
    if (found === undefined) throw error;
    return { id: found.id };
  }
}

function bodyOf(
  order: MachineOrder,
  { plan, region, insteadOf }: Placement,
  { data, image, settings }: { readonly data: string; readonly image: string; readonly settings: Target['settings'] },
): object {
  const ordered = insteadOf === undefined ? [] : [`${TAG.ordered}${insteadOf}`];
  return {
    region,
    plan,
    ...sourceOf(image),
    label: order.name,
    hostname: order.name,
    tags: [...stampTags(order.stamp), ...ordered],
    user_data: Buffer.from(data).toString('base64'),
    enable_ipv6: true,
    disable_public_ipv4: settings.ipv4 === 'none',
    // It would tell the account's owner the password of every machine.
    activation_email: false,
    // With the call that makes it: an instance is never reachable without its firewall.
    ...(settings.firewall_group === undefined ? {} : { firewall_group_id: settings.firewall_group }),
  };
}

function sourceOf(image: string): object {
  const [kind, id = ''] = image.split(':');
  if (kind === 'os') return { os_id: Number(id) };
  return kind === 'image' ? { image_id: id } : { snapshot_id: id };
}

function full(when: string): ProvisionerError {
  return new ProvisionerError(
    'capacity',
    `The account's limit was reached (${when}): ask Vultr for a higher one, or lower max_instances`,
  );
}
