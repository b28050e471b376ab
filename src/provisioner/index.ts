/** The door for plugins: a plugin imports from here and from its own folder, nothing else of the agent. */
export type { Cancel, Clock } from '../ports/clock.ts';
export { sleep, systemClock } from '../ports/clock.ts';
export type { AgentId, ContractId, ExternalId, OperationId, TargetName } from '../ports/ids.ts';
export { machineName, parseContractId } from '../ports/ids.ts';
export type { Log } from '../ports/log.ts';
export { silentLog } from '../ports/log.ts';
export type { Random } from '../ports/random.ts';
export { backoff, jitter, systemRandom } from '../ports/random.ts';
export { Secret } from '../ports/secret.ts';
export { CLOUD_INIT_STATUS, cloudInitState } from './cloud-init.ts';
export type {
  Adoptable,
  CallContext,
  Capabilities,
  CloudInitState,
  Finding,
  GuestScript,
  HostKey,
  Instance,
  Inventory,
  Listing,
  MachineOrder,
  NetworkOrder,
  Observed,
  Operation,
  OwnedRef,
  OwnerStamp,
  PluginDeps,
  PowerState,
  Provisioner,
  ScriptEnd,
  SshEndpoint,
  StaticAddress,
  Storage,
  TrafficSample,
} from './contract.ts';
export type { ErrorKind, ProvisionerErrorOptions } from './errors.ts';
export { isProvisionerError, ProvisionerError } from './errors.ts';
export { PLUGIN_API_VERSION, type ProvisionerPlugin } from './plugin.ts';
