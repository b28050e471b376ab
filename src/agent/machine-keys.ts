import { type SshKeyPair, sshFingerprint, sshKeyBlob, sshKeyPair } from '../guest/index.ts';
import type { ContractRecord, HostKeyTrust } from '../lifecycle/index.ts';
import type { Capabilities } from '../provisioner/contract.ts';
import type { AgentDeps } from './deps.ts';

type Vault = AgentDeps['vault'];
type Machine = Pick<ContractRecord, 'contract' | 'operation'>;

/**
 * The SSH host key of a contract's machine. Derived, not kept: every attempt and every later process has the same one, and neither
 * ledger nor backup holds it.
 */
export function hostKeyOf(vault: Vault, { contract, operation }: Machine): SshKeyPair {
  return sshKeyPair(vault.derive(`host-key ${contract} ${operation}`));
}

/** Our own way into a contract's machine, for as long as its recipe is being run by SSH. */
export function agentKeyOf(vault: Vault, { contract, operation }: Machine): SshKeyPair {
  return sshKeyPair(vault.derive(`agent-key ${contract} ${operation}`), 'dc-agent');
}

export interface Pin {
  /** `SHA256:…` */
  readonly fingerprint: string;
  readonly trust: HostKeyTrust;
}

/** What the machine must show; undefined when its first answer is all that there is to go by. */
export function pinOf(vault: Vault, record: ContractRecord, { hostKey }: Capabilities): Pin | undefined {
  const told = record.instance?.hostKey;
  if (told !== undefined || hostKey === true) {
    const given = hostKeyOf(vault, record).publicKey;
    const key = told ?? given;
    return { fingerprint: sshFingerprint(sshKeyBlob(key)), trust: key === given ? 'given' : 'told' };
  }
  if (record.hostKey !== undefined) return { fingerprint: record.hostKey, trust: record.hostKeyTrust ?? 'first-use' };
  return undefined;
}

/** Fingerprint of the host key that the machine shows as far as we know: what was given or told, or what it showed when it was handed over. */
export function shownKeyOf(vault: Vault, record: ContractRecord, capabilities: Capabilities): string | undefined {
  const pin = record.goal === 'deliver' ? pinOf(vault, record, capabilities) : undefined;
  return pin?.fingerprint ?? record.hostKey;
}
