import { untilAborted } from '../../src/provisioner/cloud/cancel.ts';
import { type Clock, ProvisionerError } from '../../src/provisioner/index.ts';
import type { Asking, HetznerClient } from './client.ts';
import { LABEL } from './labels.ts';
import { type Collection, listAll, type Wanted } from './pages.ts';
import { firewall, type Image, image, type ServerType, serverType } from './wire.ts';

/**
 * What there is to order, read at run time: names of types come and go, prices change, and an image has one id for each
 * architecture.
 */
export interface Catalogue {
  serverTypes(asking: Asking): Promise<readonly ServerType[]>;
  /** Every image that this setting may mean, one for each architecture; of snapshots the newest. */
  images(setting: string, asking: Asking): Promise<readonly Image[]>;
  /** Throws `config` when there is none of this name. */
  firewallId(name: string, asking: Asking): Promise<number>;
  /** After the API refused something that stands here. */
  forget(): void;
}

/** Long enough for a burst of orders, short enough to notice what has sold out. */
const FRESH_MS = 600_000;
/** What only serves as a picture may be older. */
const STALE_MS = 3_600_000;
const DOING = 'the catalogue was read';
const SNAPSHOT = 'snapshot:';

export function createCatalogue(client: HetznerClient, clock: Clock, closing: AbortSignal): Catalogue {
  const kept = new Map<string, { readonly at: number; readonly value: Promise<unknown> }>();

  /** One request for all who ask at the same time, which none of them ends by being cancelled; a failure is not kept. */
  function keep<T>(key: string, asking: Asking, read: (shared: Asking) => Promise<T>): Promise<T> {
    const entry = kept.get(key);
    const freshMs = asking.lane === 'look' ? STALE_MS : FRESH_MS;
    if (entry && clock.monotonic() - entry.at < freshMs)
      return untilAborted(entry.value as Promise<T>, asking.signal, DOING);
    const value = read({ lane: asking.lane, signal: closing });
    kept.set(key, { at: clock.monotonic(), value });
    value.catch(() => {
      if (kept.get(key)?.value === value) kept.delete(key);
    });
    return untilAborted(value, asking.signal, DOING);
  }

  async function entries<T>(collection: Collection<T>, asking: Asking): Promise<readonly T[]> {
    return (await listAll(client, collection, asking)).entries;
  }

  return {
    serverTypes: (asking) =>
      keep('types', asking, (shared) =>
        entries({ path: '/server_types', key: 'server_types', entry: serverType }, shared),
      ),
    images: (setting, asking) =>
      keep(`image ${setting}`, asking, async (shared) => {
        const query = setting.startsWith(SNAPSHOT) ? template(setting.slice(SNAPSHOT.length)) : system(setting);
        const found = await entries({ path: '/images', key: 'images', entry: image, query }, shared);
        return newestOfEach(found.filter(({ status }) => status === 'available'));
      }),
    firewallId: (name, asking) =>
      keep(`firewall ${name}`, asking, async (shared) => {
        const query: Wanted = [['name', name]];
        const found = await entries({ path: '/firewalls', key: 'firewalls', entry: firewall, query }, shared);
        const [first] = found.filter((each) => each.name === name);
        if (first) return first.id;
        throw new ProvisionerError('config', `The project has no firewall ${name}: make it, or correct 'firewall'`);
      }),
    forget: () => kept.clear(),
  };
}

/** A deprecated image can be ordered for some months more; doctor says so in time. */
const system = (name: string): Wanted => [
  ['type', 'system'],
  ['name', name],
  ['include_deprecated', 'true'],
];

/** Snapshots have no names: the operator's label tells what one is for. */
const template = (name: string): Wanted => [
  ['type', 'snapshot'],
  ['status', 'available'],
  ['label_selector', `${LABEL.template}==${name}`],
];

function newestOfEach(images: readonly Image[]): Image[] {
  const newest = new Map<string, Image>();
  for (const each of images.toSorted((a, b) => a.id - b.id)) newest.set(each.architecture, each);
  return [...newest.values()];
}
