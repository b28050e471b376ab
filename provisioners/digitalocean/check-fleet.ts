import type { Finding } from '../../src/provisioner/index.ts';
import type { Asking } from './client.ts';
import { OUR_NAMES, type Own } from './fleet.ts';
import { findLeftovers, type Leftover } from './leftovers.ts';
import { isBare } from './tags.ts';
import type { Target } from './target.ts';
import type { Droplet } from './wire.ts';

/** A droplet is up after a minute. */
const STUCK_MS = 900_000;

/** What the account holds, and whether all of it has a reason to. */
export async function checkFleet(target: Target, asking: Asking): Promise<Finding[]> {
  const [{ all, own }, leftovers] = await Promise.all([target.fleet.see(asking), findLeftovers(target, asking)]);
  const findings = [
    strangers(all.entries.filter(({ tags }) => isBare(tags))),
    stuck(own, target.clock.now()),
    damaged(own),
    left(leftovers),
  ];
  return findings.filter((finding) => finding !== undefined);
}

/** One with a name as the agent gives them and no tag cost its stamp, or was made by hand: nobody but a person can tell. */
function strangers(bare: readonly Droplet[]): Finding {
  const lost = bare.filter(({ name }) => OUR_NAMES.test(name));
  if (lost.length > 0) {
    return {
      level: 'warn',
      code: 'digitalocean.droplet.unmarked',
      title: `Droplets are called like machines of an agent and have no tags of one: ${names(lost)}`,
      remedy: 'Delete them in the control panel when no contract needs them: `dc-agent status` lists the contracts.',
    };
  }
  if (bare.length === 0) {
    return { level: 'pass', code: 'digitalocean.account.pure', title: 'The account holds machines of agents only' };
  }
  return {
    level: 'warn',
    code: 'digitalocean.account.shared',
    title: `The account holds ${bare.length} droplets that no agent made`,
    remedy: 'Give the agent a team of its own: limits and the bill are counted for each team.',
  };
}

function stuck(own: readonly Own[], now: number): Finding | undefined {
  const late = own
    .map(({ droplet }) => droplet)
    .filter(({ status, created_at }) => {
      return status === 'new' && now - Date.parse(created_at ?? '') > STUCK_MS;
    });
  if (late.length === 0) return undefined;
  return {
    level: 'warn',
    code: 'digitalocean.droplet.stuck',
    title: `Droplets are still being made after a quarter of an hour: ${names(late)}`,
    remedy: 'Look at them in the control panel; the agent deletes those of unfinished orders by itself.',
  };
}

function damaged(own: readonly Own[]): Finding | undefined {
  const broken = own.filter(({ stamp }) => stamp === undefined).map(({ droplet }) => droplet);
  if (broken.length === 0) return undefined;
  return {
    level: 'warn',
    code: 'digitalocean.droplet.damaged',
    title: `Droplets of this agent have lost a part of their tags: ${names(broken)}`,
    remedy: 'The agent leaves them alone, and they cost money: put the tag dc-order:… back, or delete them.',
  };
}

function left(leftovers: readonly Leftover[] | 'unknown'): Finding | undefined {
  if (leftovers === 'unknown') {
    const title = 'The token may not list volumes and snapshots, so what is left over is not known';
    const remedy = 'Give it the scopes block_storage:read and snapshot:read.';
    return { level: 'warn', code: 'digitalocean.leftovers.unknown', title, remedy };
  }
  if (leftovers.length === 0) return undefined;
  const shown = leftovers.slice(0, 5).map(({ kind, id }) => `${kind} ${id}`);
  return {
    level: 'warn',
    code: 'digitalocean.leftovers.found',
    title: `${leftovers.length} things with this agent's tags are no droplets and cost money: ${shown.join(', ')}`,
    remedy: 'The agent makes none of them: delete them in the control panel when nobody needs them.',
  };
}

function names(droplets: readonly Droplet[]): string {
  const shown = droplets.slice(0, 5).map(({ name, id }) => `${name} (${id})`);
  const more = droplets.length - shown.length;
  return more > 0 ? `${shown.join(', ')} and ${more} more` : shown.join(', ');
}
