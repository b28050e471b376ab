import type { CallContext, Inventory, Listing, Provisioner } from '../../src/provisioner/index.ts';
import { toInstance } from './instance.ts';
import { sizesOf } from './placement.ts';
import type { Target } from './target.ts';
import type { Size } from './wire.ts';

type Facts = Required<Pick<Provisioner, 'list' | 'inventory'>>;

/** What can be asked of the whole target, all of it from one picture. */
export function createFacts(target: Target): Facts {
  return {
    list: (ctx) => list(target, ctx),
    inventory: (ctx) => inventory(target, ctx),
  };
}

async function list({ fleet, settings }: Target, { signal, log }: CallContext): Promise<Listing> {
  const { own, complete } = await fleet.see({ lane: 'look', signal });
  const damaged = own.filter(({ stamp }) => stamp === undefined).length;
  if (damaged > 0) log.warn({ droplets: damaged }, 'digitalocean: droplets with damaged tags are left alone');
  return {
    complete,
    instances: own.flatMap(({ droplet, stamp }) =>
      stamp === undefined ? [] : [toInstance(droplet, stamp, settings.ssh_user)],
    ),
  };
}

/**
 * A cloud has no amount of memory that could be measured: what is free is what `max_droplets` and the account's own limit leave,
 * each as large as the largest size that is on sale.
 */
async function inventory({ settings, stock, fleet, catalogue }: Target, { signal }: CallContext): Promise<Inventory> {
  const asking = { lane: 'look', signal } as const;
  const [{ all, own }, sizes, account] = await Promise.all([
    fleet.see(asking),
    catalogue.sizes(asking),
    catalogue.account(asking),
  ]);
  const wanted = sizesOf(settings);
  const offered = sizes.filter(({ slug, available }) => available && wanted.includes(slug));
  const accountFree = (account?.droplet_limit ?? Number.POSITIVE_INFINITY) - all.entries.length;
  const left = Math.max(0, Math.min(settings.max_droplets - own.length, accountFree));
  const free = stock.fullForMs > 0 ? 0 : left;
  const largest = (read: (size: Size) => number): number => Math.max(0, ...offered.map(read));
  const memoryMb = largest(({ memory }) => memory);
  const diskGb = largest(({ disk }) => disk);
  const cores = largest(({ vcpus }) => vcpus);
  const total = Math.max(settings.max_droplets, free);
  return {
    cpuModel: `DigitalOcean ${offered.map(({ slug }) => slug).join(', ')}`.trim(),
    cpuCores: cores,
    cpuThreads: cores,
    memoryTotalMb: total * memoryMb,
    memoryFreeMb: free * memoryMb,
    storages: [{ name: 'local', kind: 'digitalocean', totalGb: total * diskGb, freeGb: free * diskGb }],
    templates: [],
    gpus: [],
    machinesFree: free,
  };
}
