import { type MachineOrder, ProvisionerError, type Secret } from '../../src/provisioner/index.ts';

/** An SSH host key for the machine, made before it, so that its first login can be checked. */
export interface HostKey {
  /** As cloud-init calls it: `ed25519`, `ecdsa`, `rsa`. */
  readonly type: 'ed25519' | 'ecdsa' | 'rsa';
  /** OpenSSH's own format. */
  readonly privateKey: Secret;
  /** `type base64`. */
  readonly publicKey: string;
}

/** An order, with host keys where whoever orders has made them. */
export type HetznerOrder = MachineOrder & { readonly hostKeys?: readonly HostKey[] };

/** The API takes no more, counted in bytes. */
const MAX_BYTES = 32 * 1024;

/**
 * What cloud-init does on the first boot: lets root in with the tenant's key and nobody with a password. Whoever is in the
 * machine can read it at the metadata address for as long as the machine lives, and the API keeps it: host keys are the
 * machine's own secret, and nothing else that is secret belongs here.
 */
export function userData({ sshKey, hostKeys = [] }: Pick<HetznerOrder, 'sshKey' | 'hostKeys'>): string {
  const lines = [
    '#cloud-config',
    'disable_root: false',
    'ssh_pwauth: false',
    'ssh_authorized_keys:',
    `  - ${JSON.stringify(tenantKey(sshKey))}`,
  ];
  if (hostKeys.length > 0) lines.push('ssh_deletekeys: true', 'ssh_keys:', ...hostKeys.flatMap(hostKeyLines));
  const text = `${lines.join('\n')}\n`;
  if (Buffer.byteLength(text) <= MAX_BYTES) return text;
  throw new ProvisionerError('permanent', 'The user data of this order is larger than the 32 KiB that Hetzner takes', {
    publicText: 'The SSH key of this contract is too long.',
  });
}

/** For a machine that comes back from its snapshot: cloud-init takes it for a new one, and must leave its keys alone. */
export const RESUMED_USER_DATA = '#cloud-config\ndisable_root: false\nssh_pwauth: false\nssh_deletekeys: false\n';

function hostKeyLines({ type, privateKey, publicKey }: HostKey): string[] {
  const body = privateKey.reveal().trim().split(/\r?\n/);
  return [
    `  ${type}_private: |`,
    ...body.map((line) => `    ${line}`),
    `  ${type}_public: ${JSON.stringify(publicKey)}`,
  ];
}

/** Refuses what could be more than one key once it stands in a file. */
export function tenantKey(sshKey: string): string {
  if (/^[a-z0-9@.-]{1,64} [A-Za-z0-9+/]{16,16384}={0,2}$/.test(sshKey)) return sshKey;
  throw new ProvisionerError('permanent', "The tenant's SSH key is not of the form 'type base64'", {
    publicText: 'The SSH key of this contract cannot be used.',
  });
}
