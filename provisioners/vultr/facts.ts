import type {
  CallContext,
  Instance,
  Inventory,
  Listing,
  Provisioner,
  TrafficSample,
} from '../../src/provisioner/index.ts';
import { toInstance } from './instance.ts';
import { readStamp } from './tags.ts';
import type { Target } from './target.ts';
import type { Plan } from './wire.ts';

type Facts = Required<Pick<Provisioner, 'list' | 'inventory' | 'traffic'>>;

/** What can be asked of the whole target, all of it from one picture. */
export function createFacts(target: Target): Facts {
  return {
    list: (ctx) => list(target, ctx),
    inventory: (ctx) => inventory(target, ctx),
    traffic: (ctx) => traffic(target, ctx),
  };
}

async function list({ fleet, agent, settings }: Target, { signal, log }: CallContext): Promise<Listing> {
  const { complete, entries } = await fleet.see({ lane: 'look', signal });
  const instances: Instance[] = [];
  for (const each of entries) {
    const stamp = readStamp(each, agent);
    if (stamp !== undefined) instances.push(toInstance(each, stamp, settings.ssh_user));
  }
  const damaged = entries.length - instances.length;
  if (damaged > 0) log.warn({ instances: damaged }, 'vultr: instances with damaged tags are left alone');
  return { complete: complete && damaged === 0, instances };
}

/**
 * A cloud has no amount of memory that could be measured: what is free is what `max_instances` leaves, each as large as the
 * largest plan. When the account's own limit was reached a moment ago, nothing is.
 */
async function inventory({ settings, stock, fleet, catalogue }: Target, { signal }: CallContext): Promise<Inventory> {
  const asking = { lane: 'look', signal } as const;
  const [{ entries }, all] = await Promise.all([fleet.see(asking), catalogue.plans(asking)]);
  const plans = all.filter(({ id }) => settings.plans.includes(id));
  const free = stock.fullForMs > 0 ? 0 : Math.max(0, settings.max_instances - entries.length);
  const largest = (read: (plan: Plan) => number): number => Math.max(0, ...plans.map(read));
  const memoryMb = largest(({ ram }) => ram);
  const diskGb = largest(({ disk }) => disk);
  const cores = largest(({ vcpu_count }) => vcpu_count);
  return {
    cpuModel: `Vultr ${plans.map(({ id }) => id).join(', ')}`.trim(),
    cpuCores: cores,
    cpuThreads: cores,
    memoryTotalMb: settings.max_instances * memoryMb,
    memoryFreeMb: free * memoryMb,
    storages: [{ name: 'local', kind: 'vultr', totalGb: settings.max_instances * diskGb, freeGb: free * diskGb }],
    templates: [],
    gpus: [],
    machinesFree: free,
  };
}

async function traffic({ fleet, agent, meter }: Target, ctx: CallContext): Promise<TrafficSample[]> {
  const { entries } = await fleet.see({ lane: 'look', signal: ctx.signal });
  const machines = entries.flatMap((each) => {
    const contract = readStamp(each, agent)?.contract;
    return contract === undefined ? [] : [{ id: each.id, contract }];
  });
  return meter.read(machines, ctx);
}
