import { createPicture, type Picture } from '../../src/provisioner/cloud/picture.ts';
import type { AgentId, Clock, OwnerStamp } from '../../src/provisioner/index.ts';
import type { DoApi } from './api.ts';
import type { Asking } from './client.ts';
import { mayBeUnderWay } from './find.ts';
import type { Page } from './pages.ts';
import { agentTag, readStamp } from './tags.ts';
import { pause } from './target.ts';
import type { Droplet } from './wire.ts';

/** A droplet of this agent's, and what its tags say. */
export interface Own {
  readonly droplet: Droplet;
  /** Undefined when its stamp is damaged. */
  readonly stamp: OwnerStamp | undefined;
}

/** Everything in the account at one moment. */
export interface Sight {
  readonly all: Page<Droplet>;
  readonly own: readonly Own[];
  /** False when something could not be read, or when some droplet's tags were still to come. */
  readonly complete: boolean;
}

/**
 * The one picture of all droplets, which lists, traffic and capacity share. It shows the whole account and not only what has the
 * agent's tag: tags come later than droplets, and the account's limit counts everything. It is kept for a while, and dropped as soon
 * as this plugin changes anything.
 */
export type Fleet = Picture<Sight>;

/** Fewer than two requests a minute, however many pages the droplets fill. */
const MS_PER_REQUEST = 35_000;
const PER_PAGE = 200;
/** Tags take about a second; whoever needs much longer is told of in the next picture. */
const TRIES = 5;
const PAUSE_MS = 1_000;

export function createFleet({
  api,
  clock,
  agent,
  closing,
}: {
  api: DoApi;
  clock: Clock;
  agent: AgentId;
  closing: AbortSignal;
}): Fleet {
  async function look(asking: Asking): Promise<Sight> {
    for (let tries = 1; ; tries++) {
      const all = await api.droplets({}, asking);
      const underWay = all.entries.some((each) => OUR_NAMES.test(each.name) && mayBeUnderWay(each, { clock }));
      if (underWay && tries < TRIES) {
        await pause({ clock }, PAUSE_MS, asking.signal);
        continue;
      }
      const own = all.entries
        .filter(({ tags }) => tags.includes(agentTag(agent)))
        .map((droplet) => ({ droplet, stamp: readStamp(droplet.tags, agent) }));
      const damaged = own.some(({ stamp }) => stamp === undefined);
      return { all, own, complete: all.complete && !underWay && !damaged };
    }
  }

  return createPicture({
    clock,
    closing,
    doing: 'the droplets were listed',
    look,
    // A picture with holes is not worth keeping.
    keepMs: ({ all, complete }) => (complete ? pages(all.entries) * MS_PER_REQUEST : 0),
  });
}

/** As `machineName` makes them, of this agent and of others. */
export const OUR_NAMES = /^dc-[0-9a-f]{16}$/;

const pages = (entries: readonly unknown[]): number => Math.max(1, Math.ceil(entries.length / PER_PAGE));
