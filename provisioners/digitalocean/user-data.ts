import { type MachineOrder, ProvisionerError } from '../../src/provisioner/index.ts';

/** The API takes no more, counted in bytes. */
export const MAX_USER_DATA = 64 * 1024;

/**
 * What cloud-init does on the first boot: the order's own document, or a small one that lets root in with the tenant's key and
 * nobody with a password. Whoever is in the machine can read it at the metadata address: the host key is the machine's own secret,
 * and nothing else that is secret belongs here.
 */
export function userData(order: Pick<MachineOrder, 'sshKey' | 'agentKey' | 'hostKey' | 'userData'>): string {
  const text = order.userData?.reveal() ?? fallback(order);
  if (Buffer.byteLength(text) <= MAX_USER_DATA) return text;
  throw new ProvisionerError(
    'permanent',
    'The user data of this order is larger than the 64 KiB that DigitalOcean takes',
    {
      publicText: 'The setup of this contract is too large for this provider.',
    },
  );
}

function fallback({ sshKey, agentKey, hostKey }: Pick<MachineOrder, 'sshKey' | 'agentKey' | 'hostKey'>): string {
  const keys = [sshKey, ...(agentKey === undefined ? [] : [agentKey])].map(oneKey);
  const lines = [
    '#cloud-config',
    'disable_root: false',
    'ssh_pwauth: false',
    'ssh_authorized_keys:',
    ...keys.map((key) => `  - ${JSON.stringify(key)}`),
  ];
  if (hostKey !== undefined) {
    const body = hostKey.privateKey.reveal().trim().split(/\r?\n/);
    lines.push('ssh_deletekeys: true', 'ssh_keys:', '  ed25519_private: |', ...body.map((line) => `    ${line}`));
    lines.push(`  ed25519_public: ${JSON.stringify(hostKey.publicKey)}`);
  }
  return `${lines.join('\n')}\n`;
}

/** Refuses what could be more than one key once it stands in a file. */
function oneKey(sshKey: string): string {
  if (/^[a-z0-9@.-]{1,64} [A-Za-z0-9+/]{16,16384}={0,2}$/.test(sshKey)) return sshKey;
  throw new ProvisionerError('permanent', "The tenant's SSH key is not of the form 'type base64'", {
    publicText: 'The SSH key of this contract cannot be used.',
  });
}
