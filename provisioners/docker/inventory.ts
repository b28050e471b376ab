import type { CallContext, Inventory } from '../../src/provisioner/index.ts';
import type { Engine } from './engine.ts';
import { type EngineFacts, localCpuModel, localStorages } from './facts.ts';
import { takenPorts } from './ports.ts';
import type { DockerSettings } from './schema.ts';
import { LABEL, stampedMemoryMb } from './stamp.ts';

/**
 * Room on the engine, in two calls. Sold memory is what the labels of all agents' machines say, running or not: an idle machine
 * may want its memory at any time, and one that is off may be switched on again.
 */
export async function takeInventory(
  engine: Engine,
  settings: DockerSettings,
  facts: EngineFacts,
  ctx: CallContext,
): Promise<Inventory> {
  const [info, { containers }] = await Promise.all([engine.info(ctx.signal), engine.list({}, ctx.signal)]);
  await facts.learn(info);
  const totalMb = Math.floor(info.MemTotal / 1024 ** 2);
  const soldMb = containers
    .filter(({ Labels }) => Labels[LABEL.agent] === 'true')
    .reduce((sum, { Labels }) => sum + stampedMemoryMb(Labels), 0);
  const { port_range_start: start, port_range_end: end } = settings;
  const takenInRange = [...takenPorts(containers)].filter((port) => port >= start && port <= end).length;
  const cpuModel = localCpuModel(info);
  return {
    ...(cpuModel === undefined ? {} : { cpuModel }),
    cpuCores: info.NCPU,
    cpuThreads: info.NCPU,
    memoryTotalMb: totalMb,
    memoryFreeMb: Math.max(0, totalMb - settings.reserve_memory_mb - soldMb),
    storages: await localStorages(info),
    templates: [],
    gpus: [],
    machinesFree: end - start + 1 - takenInRange,
  };
}
