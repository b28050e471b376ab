import { type Finding, isProvisionerError } from '../../src/provisioner/index.ts';
import type { Asking } from './client.ts';
import { findLeftovers } from './leftovers.ts';
import { isMarked, readStamp } from './tags.ts';
import type { Target } from './target.ts';
import type { VultrInstance } from './wire.ts';

/** An instance is up after a minute, from a large snapshot after some more. */
const STUCK_MS = 900_000;

/** What the account holds, and whether all of it has a reason to. */
export async function checkFleet(target: Target, asking: Asking): Promise<Finding[]> {
  const all = await target.api.instances([], asking);
  const leftovers = await seenLeftovers(target, asking);
  const ours = all.entries.filter((each) => readStamp(each, target.agent) !== undefined);
  const findings = [
    purity(all.entries.filter((each) => !isMarked(each))),
    stuck(ours, target.clock.now()),
    suspended(ours),
    twins(ours, target),
    leftovers === undefined ? UNSEEN : left(leftovers),
  ];
  return findings.filter((finding) => finding !== undefined);
}

/** How the platform calls the servers that it makes with a key that a provider gave it. */
const PLATFORMS_NAMES = 'dc-recipe-';

function purity(strangers: readonly VultrInstance[]): Finding {
  if (strangers.length === 0) {
    return { level: 'pass', code: 'vultr.account.pure', title: 'The account holds machines of agents only' };
  }
  const platforms = strangers.filter(({ label }) => label.startsWith(PLATFORMS_NAMES));
  if (platforms.length > 0) {
    return {
      level: 'warn',
      code: 'vultr.account.platform',
      title: `The platform itself makes instances in this account (${platforms.length} now)`,
      remedy:
        'Give the agent an account or sub-account of its own, and list in `offerings` only what the platform does not make itself.',
    };
  }
  return {
    level: 'warn',
    code: 'vultr.account.shared',
    title: `The account holds ${strangers.length} instances that no agent made`,
    remedy: 'Give the agent an account or sub-account of its own: limits are counted for each.',
  };
}

function stuck(instances: readonly VultrInstance[], now: number): Finding | undefined {
  const late = instances.filter(
    ({ status, date_created }) => status === 'pending' && now - Date.parse(date_created ?? '') > STUCK_MS,
  );
  if (late.length === 0) return undefined;
  return {
    level: 'warn',
    code: 'vultr.instance.stuck',
    title: `Instances are still being made after a quarter of an hour: ${names(late)}`,
    remedy:
      'Look at them, and at the balance, in the Vultr console; the agent deletes those of unfinished orders by itself.',
  };
}

function suspended(instances: readonly VultrInstance[]): Finding | undefined {
  const cut = instances.filter(({ status }) => status === 'suspended');
  if (cut.length === 0) return undefined;
  return {
    level: 'warn',
    code: 'vultr.instance.suspended',
    title: `Vultr has suspended instances: ${names(cut)}`,
    remedy: 'Read the mail to the account, and answer it in time.',
  };
}

function twins(instances: readonly VultrInstance[], { agent }: Target): Finding | undefined {
  const seen = new Map<string, VultrInstance[]>();
  for (const each of instances) {
    const operation = readStamp(each, agent)?.operation ?? '';
    seen.set(operation, [...(seen.get(operation) ?? []), each]);
  }
  const double = [...seen.values()].filter(({ length }) => length > 1).flat();
  if (double.length === 0) return undefined;
  return {
    level: 'warn',
    code: 'vultr.twins.found',
    title: `More than one instance was made for one order: ${names(double)}`,
    remedy: 'Nothing: the running agent keeps the one that was handed over, and removes the other.',
  };
}

type Leftovers = Awaited<ReturnType<typeof findLeftovers>>['entries'];

/** Undefined where the key, which is good for instances, may not see what else there is. */
async function seenLeftovers({ client }: Target, asking: Asking): Promise<Leftovers | undefined> {
  try {
    return (await findLeftovers(client, asking)).entries;
  } catch (error) {
    if (!isProvisionerError(error) || error.kind !== 'config') throw error;
    return undefined;
  }
}

const UNSEEN: Finding = {
  level: 'skip',
  code: 'vultr.leftovers.unseen',
  title: 'The API key may not see block storage and reserved addresses: look for yourself whether any is left over',
};

function left(things: Leftovers): Finding | undefined {
  if (things.length === 0) return undefined;
  const shown = things.slice(0, 5).map(({ kind, label }) => `${kind} ${label}`);
  return {
    level: 'warn',
    code: 'vultr.leftovers.found',
    title: `${things.length} things called after machines are attached to nothing and cost money: ${shown.join(', ')}`,
    remedy: 'Delete them in the Vultr console when no contract needs them: `dc-agent status` lists the contracts.',
  };
}

function names(instances: readonly VultrInstance[]): string {
  const shown = instances.slice(0, 5).map(({ label }) => label);
  const more = instances.length - shown.length;
  return more > 0 ? `${shown.join(', ')} and ${more} more` : shown.join(', ');
}
