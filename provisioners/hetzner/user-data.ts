import { type HostKey, type MachineOrder, ProvisionerError } from '../../src/provisioner/index.ts';

/** The API takes no more, counted in bytes. */
export const MAX_USER_DATA_BYTES = 32 * 1024;

/**
 * What cloud-init gets for the first boot: the order's own document as it is, else one that lets root in with the tenant's key and
 * nobody with a password. Whoever is in the machine can read it at the metadata address for as long as the machine lives, and the
 * API keeps it: host keys are the machine's own secret, and nothing else that is secret belongs here.
 */
export function userData(order: Pick<MachineOrder, 'userData' | 'sshKey' | 'hostKey' | 'agentKey'>): string {
  // Also where the document is another's work: a key that cannot be read would make a machine that nobody can enter.
  const key = tenantKey(order.sshKey);
  const text = order.userData?.reveal() ?? ownDocument(key, order);
  if (Buffer.byteLength(text) <= MAX_USER_DATA_BYTES) return text;
  throw new ProvisionerError('permanent', 'The user data of this order is larger than the 32 KiB that Hetzner takes', {
    publicText: 'What this contract wants to be done at the first boot is too long for this offering.',
  });
}

function ownDocument(tenant: string, { hostKey, agentKey }: Pick<MachineOrder, 'hostKey' | 'agentKey'>): string {
  const keys = [tenant, ...(agentKey === undefined ? [] : [agentKey])];
  return [
    '#cloud-config',
    'disable_root: false',
    'ssh_pwauth: false',
    'ssh_authorized_keys:',
    ...keys.map((key) => `  - ${JSON.stringify(key)}`),
    ...(hostKey === undefined ? [] : hostKeyLines(hostKey)),
    '',
  ].join('\n');
}

/** For a machine that comes back from its snapshot: cloud-init takes it for a new one, and must leave its keys alone. */
export const RESUMED_USER_DATA = '#cloud-config\ndisable_root: false\nssh_pwauth: false\nssh_deletekeys: false\n';

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
