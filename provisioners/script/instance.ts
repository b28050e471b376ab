import { isIPv6 } from 'node:net';
import {
  type AgentId,
  type ExternalId,
  type Instance,
  type OperationId,
  type OwnerStamp,
  type PowerState,
  parseContractId,
  Secret,
} from '../../src/provisioner/index.ts';
import type { ScriptSettings } from './schema.ts';
import type { WireInstance, WireListed } from './wire.ts';

/** A machine as a script described it. */
export function toInstance(
  wire: WireInstance,
  stamp: OwnerStamp,
  power: PowerState,
  settings: Pick<ScriptSettings, 'ssh_user'>,
): Instance {
  const first = wire.ip_address || undefined;
  const ipv4 = first !== undefined && !isIPv6(first) ? first : undefined;
  const ipv6 = wire.ipv6_address || (first !== undefined && isIPv6(first) ? first : undefined);
  const host = ipv4 ?? ipv6;
  const details = wire.additional_details;
  return {
    externalId: wire.external_id as ExternalId,
    stamp,
    power: wire.status === 'running' || wire.status === 'stopped' ? wire.status : power,
    ...(ipv4 === undefined ? {} : { ipv4 }),
    ...(ipv6 === undefined ? {} : { ipv6 }),
    ...(wire.mac_address ? { mac: wire.mac_address } : {}),
    ...(host === undefined
      ? {}
      : { ssh: { host, port: wire.ssh_port ?? 22, user: wire.ssh_user || settings.ssh_user } }),
    ...(wire.root_password ? { rootPassword: new Secret(wire.root_password) } : {}),
    ...(details === undefined ? {} : { additionalDetails: details }),
  };
}

/**
 * A machine from the list; undefined when it carries no contract of the platform. Scripts need not return the operation id, and an empty one
 * says so: then the ledger alone knows which attempt made the machine.
 */
export function fromListed(listed: WireListed, agent: AgentId): Instance | undefined {
  const contract = parseContractId(listed.contract);
  if (contract === undefined) return undefined;
  const operation = (listed.operation ?? '') as OperationId;
  return { externalId: listed.externalId as ExternalId, stamp: { agent, contract, operation }, power: listed.status };
}
