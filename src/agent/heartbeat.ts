import type { Heartbeat, HeartbeatAnswer } from '../platform/api.ts';
import type { Inventory } from '../provisioner/contract.ts';
import type { ClockWatch } from './clock-watch.ts';
import type { AgentDeps } from './deps.ts';
import { Loop } from './loop.ts';
import type { Target } from './target.ts';
import { retryAfterOf } from './work-list.ts';

const DEFAULT_INTERVAL_MS = 60_000;
/** The platform calls us offline after 300 s of silence; its own wish is taken only inside these bounds. */
const SHORTEST_MS = 15_000;
const LONGEST_MS = 120_000;

export interface HeartbeatContext {
  readonly deps: AgentDeps;
  readonly clockWatch: ClockWatch;
  readonly targets: readonly Target[];
  readonly activeContracts: () => number;
  readonly traffic: () => NonNullable<Heartbeat['bandwidthStats']>;
  readonly onOutcome: (error: unknown, answer: HeartbeatAnswer | undefined) => void;
}

/** The lane that tells the platform we are alive. It waits for nothing: it sends what is known at the moment. */
export function heartbeatLoop(context: HeartbeatContext): Loop {
  const { clockWatch, deps } = context;
  let interval = DEFAULT_INTERVAL_MS;
  let answer: HeartbeatAnswer | undefined;
  return new Loop({
    name: 'heartbeat',
    clock: deps.clock,
    random: deps.random,
    log: deps.log,
    // A failed beat must be repeated well inside the 300 s, so the wait after it is not the interval's.
    interval: () => (answer === undefined ? 5_000 : interval),
    retryAfter: (error) => Math.min(retryAfterOf(error) ?? 0, LONGEST_MS),
    onOutcome: (error) => context.onOutcome(error, answer),
    async pass(signal) {
      answer = undefined;
      const moment = clockWatch.moment();
      answer = await deps.platform.heartbeat(beat(context), signal);
      clockWatch.confirm(moment);
      const wish = (answer.nextHeartbeatSeconds ?? 60) * 1000;
      interval = Math.min(LONGEST_MS, Math.max(SHORTEST_MS, wish));
    },
  });
}

function beat({ deps, targets, activeContracts, traffic }: HeartbeatContext): Heartbeat {
  const bandwidthStats = traffic();
  const first = targets[0];
  const inventory = first?.inventory;
  return {
    version: deps.settings.version,
    activeContracts: activeContracts(),
    ...(first === undefined ? {} : { provisionerType: first.type }),
    ...(bandwidthStats.length === 0 ? {} : { bandwidthStats }),
    ...(inventory === undefined ? {} : { resources: resources(inventory) }),
    capabilities: targets.flatMap((target) => capabilities(target)),
  };
}

function capabilities(target: Target): string[] {
  const { stop, start } = target.can;
  return [`provision:${target.type}`, ...(stop && start ? [`pause:${target.type}`] : [])];
}

function resources(inventory: Inventory): NonNullable<Heartbeat['resources']> {
  return {
    ...(inventory.cpuModel === undefined ? {} : { cpuModel: inventory.cpuModel }),
    cpuCores: inventory.cpuCores,
    cpuThreads: inventory.cpuThreads,
    memoryTotalMb: Math.floor(inventory.memoryTotalMb),
    memoryAvailableMb: Math.max(0, Math.floor(inventory.memoryFreeMb)),
    storagePools: inventory.storages.map((storage) => ({
      name: storage.name,
      totalGb: Math.floor(storage.totalGb),
      availableGb: Math.max(0, Math.floor(storage.freeGb)),
      storageType: storage.kind,
    })),
    gpuDevices: inventory.gpus,
    templates: inventory.templates.map((template) => ({ vmid: template.id, name: template.name })),
  };
}
