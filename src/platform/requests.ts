import { nanoseconds } from '../identity/sign.ts';
import type { HealthReport, Heartbeat, InstanceDetails, Resources, RunningInstance } from './api.ts';
import { type WireValue, wholeNumber, wireJson } from './wire-json.ts';

/** Request bodies, keys in the order of the reference agent. */

const U32_MAX = 2 ** 32 - 1;
const I32_MAX = 2 ** 31 - 1;

export function heartbeatBody(beat: Heartbeat): string {
  const stats = beat.bandwidthStats ?? [];
  return wireJson({
    version: beat.version,
    provisionerType: beat.provisionerType ?? null,
    capabilities: beat.capabilities ?? null,
    activeContracts: wholeNumber(beat.activeContracts),
    bandwidthStats: stats.length === 0 ? undefined : stats.map(bandwidth),
    resources: beat.resources === undefined ? undefined : resources(beat.resources),
  });
}

type BandwidthStat = NonNullable<Heartbeat['bandwidthStats']>[number];

function bandwidth(stat: BandwidthStat): WireValue {
  const { gatewaySlug, contractId } = stat;
  return { gatewaySlug, contractId, bytesIn: wholeNumber(stat.bytesIn), bytesOut: wholeNumber(stat.bytesOut) };
}

/** The arrays are mandatory although the platform's types look otherwise: without one the whole heartbeat is a 400. */
function resources(from: Resources): WireValue {
  return {
    cpuModel: from.cpuModel,
    cpuCores: wholeNumber(from.cpuCores, U32_MAX),
    cpuThreads: wholeNumber(from.cpuThreads, U32_MAX),
    cpuMhz: optional(from.cpuMhz, U32_MAX),
    memoryTotalMb: wholeNumber(from.memoryTotalMb),
    memoryAvailableMb: wholeNumber(from.memoryAvailableMb),
    storagePools: from.storagePools.map(({ name, totalGb, availableGb, storageType }) => ({
      name,
      totalGb: wholeNumber(totalGb),
      availableGb: wholeNumber(availableGb),
      storageType,
    })),
    gpuDevices: from.gpuDevices.map(({ pciId, name, vendor, memoryMb }) => ({
      pciId,
      name,
      vendor,
      memoryMb: optional(memoryMb, U32_MAX),
    })),
    templates: from.templates.map(({ vmid, name }) => ({ vmid: wholeNumber(vmid, U32_MAX), name })),
  };
}

/** `details` travels as a string that holds JSON; a JSON object in its place would be refused. */
export function statusBody(status: 'provisioning' | 'provisioned' | 'provisioning_failed', details: string): string {
  return wireJson({ status, instanceDetails: details });
}

/**
 * The instance object as JSON text. Its strings are cleaned before they are put into it: inside the text a NUL would be an
 * escape that survives every later look and breaks the column that the platform lifts it into.
 */
export function instanceDetailsText(details: InstanceDetails): string {
  return wireJson({
    external_id: details.external_id,
    ip_address: details.ip_address,
    ipv6_address: details.ipv6_address,
    public_ip: details.public_ip,
    ssh_port: details.ssh_port,
    root_password: details.root_password,
    additional_details: details.additional_details,
    gateway_slug: details.gateway_slug,
    gateway_subdomain: details.gateway_subdomain,
    gateway_ssh_port: details.gateway_ssh_port,
    gateway_port_range_start: details.gateway_port_range_start,
    gateway_port_range_end: details.gateway_port_range_end,
  });
}

export function reconcileBody(running: readonly RunningInstance[]): string {
  return wireJson({ runningInstances: running.map(({ externalId, contractId }) => ({ externalId, contractId })) });
}

export function healthBody(health: HealthReport): string {
  return wireJson({
    checkedAt: BigInt(nanoseconds(health.checkedAt)),
    status: health.status,
    latencyMs: optional(health.latencyMs, I32_MAX),
    details: health.details,
  });
}

export function passwordBody(newPassword: string): string {
  return wireJson({ newPassword });
}

function optional(value: number | undefined, max: number): number | undefined {
  return value === undefined ? undefined : wholeNumber(value, max);
}
