import { untilAborted } from '../../src/provisioner/cloud/cancel.ts';
import { type Clock, ProvisionerError } from '../../src/provisioner/index.ts';
import type { Asking, DoClient } from './client.ts';
import { listAll } from './pages.ts';
import {
  type Account,
  account,
  firewall,
  type Image,
  imageAnswer,
  type Region,
  region,
  type Size,
  size,
  vpcAnswer,
} from './wire.ts';

/** What there is to order, read at run time: sizes come and go, and so does what a region has in stock. */
export interface Catalogue {
  sizes(asking: Asking): Promise<readonly Size[]>;
  regions(asking: Asking): Promise<readonly Region[]>;
  /** By its slug or number; undefined when the API says that there is none. */
  image(name: string, asking: Asking): Promise<Image | undefined>;
  /** A tag that the firewall of this name covers. Throws `config` when there is none. */
  firewallTag(name: string, asking: Asking): Promise<string>;
  /** The region of a VPC. Throws `config` when there is none of this id. */
  vpcRegion(id: string, asking: Asking): Promise<string>;
  /** Undefined where the token may not read it. */
  account(asking: Asking): Promise<Account | undefined>;
  /** After the API refused something that stands here. */
  forget(): void;
}

/** Long enough for a burst of orders, short enough to notice what has sold out. */
const FRESH_MS = 600_000;
/** What only serves as a picture may be older. */
const STALE_MS = 3_600_000;
const DOING = 'the catalogue was read';

export function createCatalogue(client: DoClient, clock: Clock, closing: AbortSignal): Catalogue {
  const kept = new Map<string, { readonly at: number; readonly value: Promise<unknown> }>();

  /** One request for all who ask at the same time, which none of them ends by being cancelled; a failure is not kept. */
  function keep<T>(key: string, asking: Asking, read: (shared: Asking) => Promise<T>): Promise<T> {
    const entry = kept.get(key);
    const freshMs = asking.lane === 'look' ? STALE_MS : FRESH_MS;
    if (entry && clock.monotonic() - entry.at < freshMs) {
      return untilAborted(entry.value as Promise<T>, asking.signal, DOING);
    }
    const value = read({ lane: asking.lane, signal: closing });
    kept.set(key, { at: clock.monotonic(), value });
    value.catch(() => {
      if (kept.get(key)?.value === value) kept.delete(key);
    });
    return untilAborted(value, asking.signal, DOING);
  }

  return {
    sizes: (asking) =>
      keep('sizes', asking, async (shared) => {
        const list = { path: '/sizes', key: 'sizes', entry: size, idOf: ({ slug }: Size) => slug };
        return (await listAll(client, list, shared)).entries;
      }),
    regions: (asking) =>
      keep('regions', asking, async (shared) => {
        const list = { path: '/regions', key: 'regions', entry: region, idOf: ({ slug }: Region) => slug };
        return (await listAll(client, list, shared)).entries;
      }),
    image: (name, asking) =>
      keep(`image ${name}`, asking, async ({ lane, signal }) => {
        const answer = await client.call({
          doing: `show image ${name}`,
          method: 'GET',
          path: `/images/${encodeURIComponent(name)}`,
          lane,
          signal,
          answer: imageAnswer,
          expects: ['absent'],
        });
        return answer.ok ? answer.value.image : undefined;
      }),
    firewallTag: (name, asking) =>
      keep(`firewall ${name}`, asking, async (shared) => {
        const list = { path: '/firewalls', key: 'firewalls', entry: firewall, idOf: ({ id }: { id: string }) => id };
        const found = (await listAll(client, list, shared)).entries.find((each) => each.name === name);
        if (found === undefined) throw config(`The account has no firewall ${name}: make it, or correct 'firewall'`);
        const [tag] = found.tags ?? [];
        if (tag !== undefined) return tag;
        throw config(
          `Firewall ${name} covers no tag: put one on it, such as dc-agent, and the agent gives it to every droplet`,
        );
      }),
    vpcRegion: (id, asking) =>
      keep(`vpc ${id}`, asking, async ({ lane, signal }) => {
        const answer = await client.call({
          doing: `show VPC ${id}`,
          method: 'GET',
          path: `/vpcs/${id}`,
          lane,
          signal,
          answer: vpcAnswer,
          expects: ['absent'],
        });
        if (answer.ok) return answer.value.vpc.region;
        throw config(`The account has no VPC ${id}: correct 'vpcs'`);
      }),
    account: (asking) =>
      keep('account', asking, async ({ lane, signal }) => {
        const answer = await client.call({
          doing: 'show the account',
          method: 'GET',
          path: '/account',
          lane,
          signal,
          answer: account,
          expects: ['rights'],
        });
        return answer.ok ? answer.value.account : undefined;
      }),
    forget: () => kept.clear(),
  };
}

function config(message: string): ProvisionerError {
  return new ProvisionerError('config', message);
}
