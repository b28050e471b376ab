import type {
  CallContext,
  Instance,
  Inventory,
  Listing,
  Provisioner,
  TrafficSample,
} from '../../src/provisioner/index.ts';
import { toInstance } from './instance.ts';
import { LABEL, type Labels, readStamp } from './labels.ts';
import { suspendedInstance } from './resume.ts';
import type { Target } from './target.ts';
import type { Server, ServerType } from './wire.ts';

type Facts = Required<Pick<Provisioner, 'list' | 'inventory' | 'traffic'>>;

/** What can be asked of the whole target, all of it from one picture. */
export function createFacts(target: Target): Facts {
  return {
    list: (ctx) => list(target, ctx),
    inventory: (ctx) => inventory(target, ctx),
    traffic: (ctx) => traffic(target, ctx),
  };
}

async function list(target: Target, { signal, log }: CallContext): Promise<Listing> {
  const { servers, snapshots } = await target.fleet.see({ lane: 'look', signal });
  const stampOf = (labels: Labels | null | undefined) => readStamp(labels ?? {}, target.agent);
  const instances: Instance[] = [];
  const shown = new Set<string>();
  let damaged = 0;
  for (const server of servers.entries) {
    const stamp = stampOf(server.labels);
    if (stamp === undefined) {
      damaged++;
      continue;
    }
    const instance = toInstance(server, stamp, target.settings.ssh_user);
    shown.add(instance.externalId);
    instances.push(instance);
  }
  for (const snapshot of snapshots.entries) {
    const stamp = stampOf(snapshot.labels);
    const instance = stamp && suspendedInstance(snapshot, stamp, target.settings.ssh_user);
    // A server that a late request made for the same order is another machine: this one is still suspended.
    if (instance === undefined || shown.has(instance.externalId)) continue;
    shown.add(instance.externalId);
    instances.push(instance);
  }
  if (damaged > 0) log.warn({ servers: damaged }, 'hetzner: servers with damaged labels are left alone');
  return { complete: servers.complete && snapshots.complete && damaged === 0, instances };
}

/**
 * A cloud has no amount of memory that could be measured: what is free is what `max_servers` leaves, each as large as the
 * largest type. When the account's own limit was reached a moment ago, nothing is.
 */
async function inventory(target: Target, { signal }: CallContext): Promise<Inventory> {
  const asking = { lane: 'look', signal } as const;
  const { settings, stock, fleet, catalogue } = target;
  const [{ servers, snapshots }, all] = await Promise.all([fleet.see(asking), catalogue.serverTypes(asking)]);
  const types = all.filter(({ name }) => settings.server_types.includes(name));
  const used = new Set([...servers.entries, ...snapshots.entries].map(({ labels }) => labels?.[LABEL.operation]));
  const free = stock.fullForMs > 0 ? 0 : Math.max(0, settings.max_servers - used.size);
  const largest = (read: (type: ServerType) => number): number => Math.max(0, ...types.map(read));
  const memoryMb = largest(({ memory }) => memory) * 1024;
  const diskGb = largest(({ disk }) => disk);
  const cores = largest(({ cores }) => cores);
  return {
    cpuModel: `Hetzner Cloud ${types.map(({ name }) => name).join(', ')}`.trim(),
    cpuCores: cores,
    cpuThreads: cores,
    memoryTotalMb: settings.max_servers * memoryMb,
    memoryFreeMb: free * memoryMb,
    storages: [{ name: 'local', kind: 'hetzner', totalGb: settings.max_servers * diskGb, freeGb: free * diskGb }],
    templates: [],
    gpus: [],
    machinesFree: free,
  };
}

/**
 * The API's own counters, which begin anew with each billing period; the caller adds up and takes a decrease for a beginning. A
 * server that has not been measured yet has none. What a server showed when it was deleted is told once.
 */
async function traffic(target: Target, { signal }: CallContext): Promise<TrafficSample[]> {
  const { servers } = await target.fleet.see({ lane: 'look', signal });
  const samples = new Map<string, TrafficSample>();
  const add = (server: Server): void => {
    const contract = readStamp(server.labels, target.agent)?.contract;
    const { ingoing_traffic: bytesIn, outgoing_traffic: bytesOut } = server;
    if (contract === undefined || typeof bytesIn !== 'number' || typeof bytesOut !== 'number') return;
    samples.set(contract, { contract, bytesIn, bytesOut });
  };
  for (const { server } of target.fleet.takeLast()) add(server);
  for (const server of servers.entries) add(server);
  return [...samples.values()];
}
