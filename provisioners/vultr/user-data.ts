import { type HostKey, type MachineOrder, ProvisionerError } from '../../src/provisioner/index.ts';

/**
 * Vultr documents no limit. In base64, as it is sent, 32 KiB are 43,692 characters: well below the 64 KiB that a text field of a
 * database holds, which is the first limit that such an API could have.
 */
export const MAX_USER_DATA_BYTES = 32 * 1024;

/**
 * What cloud-init does on the first boot. A whole document of the order's is taken as it is; else root is let in with the keys of
 * the order, and nobody with a password, since Vultr makes one for every instance. Whoever is in the machine can read this at the
 * metadata address for as long as the machine lives.
 */
export function userData(order: Pick<MachineOrder, 'sshKey' | 'hostKey' | 'agentKey' | 'userData'>): string {
  const text = order.userData?.reveal() ?? ownDocument(order);
  if (Buffer.byteLength(text) <= MAX_USER_DATA_BYTES) return text;
  throw new ProvisionerError('permanent', 'The user data of this order is larger than 32 KiB', {
    publicText: 'The start-up document of this machine is too long.',
  });
}

function ownDocument({ sshKey, hostKey, agentKey }: Pick<MachineOrder, 'sshKey' | 'hostKey' | 'agentKey'>): string {
  const keys = [tenantKey(sshKey), ...(agentKey === undefined ? [] : [agentKey])];
  const lines = [
    '#cloud-config',
    'disable_root: false',
    'ssh_pwauth: false',
    'ssh_authorized_keys:',
    ...keys.map((key) => `  - ${JSON.stringify(key)}`),
    ...(hostKey === undefined ? [] : hostKeyLines(hostKey)),
  ];
  return `${lines.join('\n')}\n`;
}

function hostKeyLines({ privateKey, publicKey }: HostKey): string[] {
  const body = privateKey.reveal().trim().split(/\r?\n/);
  return [
    'ssh_deletekeys: true',
    'ssh_keys:',
    '  ed25519_private: |',
    ...body.map((line) => `    ${line}`),
    `  ed25519_public: ${JSON.stringify(publicKey)}`,
  ];
}

/** Refuses what could be more than one key once it stands in a file. */
export function tenantKey(sshKey: string): string {
  if (/^[a-z0-9@.-]{1,64} [A-Za-z0-9+/]{16,16384}={0,2}$/.test(sshKey)) return sshKey;
  throw new ProvisionerError('permanent', "The tenant's SSH key is not of the form 'type base64'", {
    publicText: 'The SSH key of this contract cannot be used.',
  });
}
