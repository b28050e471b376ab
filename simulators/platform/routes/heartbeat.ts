import { ok } from '../answers.ts';
import { agentOf, type Call, type Route, requirePathProvider, requirePermission } from '../call.ts';
import { type Fields, U32, U64, wrapped } from '../fields.ts';
import type { AgentResources } from '../state.ts';

export const heartbeatRoutes = [
  {
    name: 'heartbeat',
    method: 'POST',
    path: '/providers/:pk/heartbeat',
    auth: 'agent',
    json: true,
    handle: heartbeat,
  },
] as const satisfies readonly Route[];

function heartbeat(call: Call) {
  const { platform, body, now, params } = call;
  // Read before anything is written: one missing array costs the whole heartbeat.
  const read = {
    version: body.optionalString('version'),
    provisionerType: body.optionalString('provisionerType'),
    capabilities: body.has('capabilities') ? body.strings('capabilities') : undefined,
    activeContracts: body.integer('activeContracts'),
    bandwidth: body.optionalList('bandwidthStats')?.map(readBandwidth),
    resources: body.has('resources') ? readResources(body.object('resources')) : undefined,
  };
  requirePathProvider(call, 'Agent is not delegated by this provider');
  requirePermission(call, 'heartbeat');

  const { agent, provider, poolId } = agentOf(call);
  const { state, settings } = platform;
  const before = state.beats.get(agent);
  state.beats.set(agent, {
    agent,
    provider,
    online: true,
    lastAt: now,
    version: read.version ?? before?.version,
    provisionerType: read.provisionerType ?? before?.provisionerType,
    capabilities: read.capabilities ?? before?.capabilities,
    activeContracts: read.activeContracts,
    resources: read.resources ?? before?.resources,
  });
  for (const row of read.bandwidth ?? []) {
    // Neither existence nor ownership of the contract is checked, and the path's spelling becomes the provider.
    state.bandwidth.push({ ...row, provider: params['pk'] ?? '', recordedAt: now });
  }
  const pool = poolId === undefined ? undefined : state.pools.get(poolId);
  return ok({
    acknowledged: true,
    nextHeartbeatSeconds: settings.nextHeartbeatSeconds,
    poolId: pool?.id,
    poolName: pool?.name,
    upgradeToVersion: pool?.upgradeToVersion,
  });
}

function readBandwidth(row: Fields) {
  return {
    gatewaySlug: row.string('gatewaySlug'),
    contract: row.string('contractId'),
    bytesIn: wrapped(row.integer('bytesIn', 0, U64)),
    bytesOut: wrapped(row.integer('bytesOut', 0, U64)),
  };
}

function readResources(resources: Fields): AgentResources {
  return {
    cpuModel: resources.optionalString('cpuModel'),
    cpuCores: resources.integer('cpuCores', 0, U32),
    cpuThreads: resources.integer('cpuThreads', 0, U32),
    cpuMhz: resources.optionalInteger('cpuMhz', 0, U32),
    memoryTotalMb: resources.integer('memoryTotalMb', 0, U64),
    memoryAvailableMb: resources.integer('memoryAvailableMb', 0, U64),
    storagePools: resources.list('storagePools').map((pool) => ({
      name: pool.string('name'),
      totalGb: pool.integer('totalGb', 0, U64),
      availableGb: pool.integer('availableGb', 0, U64),
      storageType: pool.string('storageType'),
    })),
    gpuDevices: resources.list('gpuDevices').map((gpu) => ({
      pciId: gpu.string('pciId'),
      name: gpu.string('name'),
      vendor: gpu.string('vendor'),
      memoryMb: gpu.optionalInteger('memoryMb', 0, U32),
    })),
    templates: resources.list('templates').map((template) => ({
      vmid: template.integer('vmid', 0, U32),
      name: template.string('name'),
    })),
  };
}
