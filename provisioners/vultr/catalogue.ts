import { untilAborted } from '../../src/provisioner/cloud/cancel.ts';
import { type Clock, ProvisionerError } from '../../src/provisioner/index.ts';
import type { Asking, VultrClient } from './client.ts';
import { refused } from './errors.ts';
import { listAll } from './pages.ts';
import { availability, type Plan, plan, snapshotAnswer } from './wire.ts';

/** What there is to order, read at run time: plans come and go, prices change, regions fill up. */
export interface Catalogue {
  plans(asking: Asking): Promise<readonly Plan[]>;
  /** The plans that can be had in this region now. */
  available(region: string, asking: Asking): Promise<ReadonlySet<string>>;
  /** What an image needs, in GB; 0 when nobody says. Throws `config` for a snapshot that is not there. */
  imageGb(setting: string, asking: Asking): Promise<number>;
  /** After the API refused something that stands here. */
  forget(): void;
}

/** Long enough for a burst of orders, short enough to notice what has sold out. */
const FRESH_MS = 300_000;
/** What only serves as a picture may be older. */
const STALE_MS = 3_600_000;
const DOING = 'the catalogue was read';
const SNAPSHOT = 'snapshot:';

export function createCatalogue(client: VultrClient, clock: Clock, closing: AbortSignal): Catalogue {
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

  return {
    plans: (asking) =>
      keep('plans', asking, async (shared) => {
        return (await listAll(client, { path: '/plans', key: 'plans', entry: plan }, shared)).entries;
      }),
    available: (region, asking) =>
      keep(`region ${region}`, asking, async ({ lane, signal }) => {
        const answer = await client.call({
          doing: `tell what region ${region} has`,
          method: 'GET',
          path: `/regions/${region}/availability`,
          lane,
          signal,
          answer: availability,
          expects: ({ status, isApis }) => isApis && status === 404,
        });
        return new Set(answer.ok ? answer.value.available_plans : []);
      }),
    imageGb: (setting, asking) =>
      keep(setting, asking, async ({ lane, signal }) => {
        if (!setting.startsWith(SNAPSHOT)) return 0;
        const id = setting.slice(SNAPSHOT.length);
        const answer = await client.call({
          doing: `show snapshot ${id}`,
          method: 'GET',
          path: `/snapshots/${id}`,
          lane,
          signal,
          answer: snapshotAnswer,
          expects: ({ status }) => status === 404,
        });
        if (!answer.ok) throw refused(answer.refusal);
        const { status, size } = answer.value.snapshot;
        if (status !== 'complete')
          throw new ProvisionerError('config', `Snapshot ${id} is ${status}, and not complete`);
        return Math.ceil((size ?? 0) / 2 ** 30);
      }),
    forget: () => kept.clear(),
  };
}
