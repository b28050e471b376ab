import type { ExternalId, Instance, PowerState } from '../../src/provisioner/index.ts';
import type { Addresses } from './address.ts';
import { loginUser } from './configure.ts';
import type { Machine } from './judge.ts';
import type { ProxmoxSettings } from './schema.ts';
import type { VmConfig } from './wire.ts';

/** A machine as the agent knows it. */
export function instanceOf(
  { vmid, config, stamp }: Machine,
  power: PowerState,
  settings: Pick<ProxmoxSettings, 'ci_user' | 'ssh_user'>,
  addresses: Addresses,
  uptimeSeconds: number | undefined,
): Instance {
  const { agent, contract, operation } = stamp;
  const host = addresses.ipv4 ?? addresses.ipv6;
  return {
    externalId: String(vmid) as ExternalId,
    stamp: { agent, contract, operation },
    power,
    ...addresses,
    ...(host === undefined ? {} : { ssh: { host, port: 22, user: sshUser(config, settings) } }),
    ...(power !== 'running' || uptimeSeconds === undefined ? {} : { uptimeMs: uptimeSeconds * 1000 }),
  };
}

/**
 * Whom the tenant logs in as. Its own configuration remembers for whom a machine was made, also when the target's settings have changed
 * since.
 */
export function sshUser(config: VmConfig, settings: Pick<ProxmoxSettings, 'ci_user' | 'ssh_user'>): string {
  return settings.ssh_user ?? config['ciuser'] ?? loginUser(config, settings);
}

/** What a host's words for a machine's state mean. A lock says that something is being done to it. */
export function powerOf(status: string, lock: string | undefined): PowerState {
  if (lock === 'clone' || lock === 'create' || lock === 'destroyed' || lock === 'migrate') return 'transition';
  return status === 'running' || status === 'stopped' ? status : 'unknown';
}
