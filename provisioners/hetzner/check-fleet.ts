import type { Finding } from '../../src/provisioner/index.ts';
import type { Asking } from './client.ts';
import { isBlocked } from './instance.ts';
import { LABEL, readStamp } from './labels.ts';
import { orphans } from './leftovers.ts';
import type { Target } from './target.ts';
import type { Server } from './wire.ts';

/** A server is up after a minute, from a large snapshot after some more. */
const STUCK_MS = 900_000;

/** What the project holds, and whether all of it has a reason to. */
export async function checkFleet(target: Target, asking: Asking): Promise<Finding[]> {
  const [all, leftovers] = await Promise.all([target.api.servers([], asking), target.leftovers(asking)]);
  const ours = all.entries.filter(({ labels }) => readStamp(labels, target.agent) !== undefined);
  const alive = new Set(ours.map(({ labels }) => labels[LABEL.operation] ?? ''));
  const findings = [
    purity(all.entries.filter(({ labels }) => labels[LABEL.agent] === undefined)),
    stuck(ours, target.clock.now()),
    blocked(ours),
    left(orphans(leftovers.entries, alive)),
  ];
  return findings.filter((finding) => finding !== undefined);
}

/** Only a project of its own makes everything that is not ours suspicious, and its requests the agent's alone. */
function purity(strangers: readonly Server[]): Finding {
  if (strangers.length === 0) {
    return { level: 'pass', code: 'hetzner.project.pure', title: 'The project holds machines of agents only' };
  }
  const platforms = strangers.filter(({ name }) => name.startsWith(PLATFORMS_NAMES));
  if (platforms.length > 0) {
    return {
      level: 'warn',
      code: 'hetzner.project.platform',
      title: `The platform itself makes servers in this project (${platforms.length} now)`,
      remedy:
        'Give the agent a project of its own, and list in `offerings` only what the platform does not make itself.',
    };
  }
  return {
    level: 'warn',
    code: 'hetzner.project.shared',
    title: `The project holds ${strangers.length} servers that no agent made`,
    remedy: 'Give the agent a project of its own: requests and limits are counted for each project.',
  };
}

/** How the platform calls the servers that it makes with a token that a provider gave it. */
const PLATFORMS_NAMES = 'dc-recipe-';

function stuck(servers: readonly Server[], now: number): Finding | undefined {
  const late = servers.filter(
    ({ status, created }) => status === 'initializing' && now - Date.parse(created ?? '') > STUCK_MS,
  );
  if (late.length === 0) return undefined;
  return {
    level: 'warn',
    code: 'hetzner.server.stuck',
    title: `Servers are still being made after a quarter of an hour: ${names(late)}`,
    remedy: 'Look at them in the Hetzner console; the agent deletes those of unfinished orders by itself.',
  };
}

function blocked(servers: readonly Server[]): Finding | undefined {
  const cut = servers.filter(isBlocked);
  if (cut.length === 0) return undefined;
  return {
    level: 'warn',
    code: 'hetzner.server.blocked',
    title: `Hetzner has blocked addresses because of abuse: ${names(cut)}`,
    remedy: 'Read the mail to the account, and answer it in time.',
  };
}

function left(things: ReturnType<typeof orphans>): Finding | undefined {
  if (things.length === 0) return undefined;
  const shown = things.slice(0, 5).map(({ kind, id }) => `${kind} ${id}`);
  return {
    level: 'warn',
    code: 'hetzner.leftovers.found',
    title: `${things.length} things of machines that are gone cost money: ${shown.join(', ')}`,
    remedy: 'Delete them in the Hetzner console when no contract needs them: `dc-agent status` lists the contracts.',
  };
}

function names(servers: readonly Server[]): string {
  const shown = servers.slice(0, 5).map(({ name }) => name);
  return servers.length > shown.length
    ? `${shown.join(', ')} and ${servers.length - shown.length} more`
    : shown.join(', ');
}
