import type { Cloud } from './cloud.ts';
import type { Instance } from './state.ts';

type Given = Pick<
  Instance,
  | 'plan'
  | 'region'
  | 'label'
  | 'hostname'
  | 'tags'
  | 'osId'
  | 'imageId'
  | 'snapshotId'
  | 'firewallGroup'
  | 'wants'
  | 'userData'
  | 'boots'
> & { readonly hiddenMs: number };

/** Puts an instance into the account: pending, without an address, and billed from now on. */
export function newInstance(cloud: Cloud, { hiddenMs, ...given }: Given): Instance {
  const now = cloud.clock.now();
  const instance: Instance = {
    ...given,
    id: cloud.newId(),
    created: Math.floor(now / 1_000) * 1_000,
    status: 'pending',
    // Shown as running from the first moment on, though nothing runs yet.
    power: 'running',
    server: 'none',
    ipv4: undefined,
    ipv6: undefined,
    sshKeys: [],
    password: newPassword(cloud),
    deleting: false,
    hiddenUntil: cloud.clock.monotonic() + hiddenMs,
    startedAt: undefined,
    traffic: { at: now, days: new Map() },
  };
  cloud.account.instances.set(instance.id, instance);
  cloud.changed(instance);
  return instance;
}

function newPassword({ random }: Cloud): string {
  const letters = 'abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789';
  return [...random.bytes(16)].map((byte) => letters[byte % letters.length]).join('');
}
