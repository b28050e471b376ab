import { parse } from 'yaml';
import { SandboxRefusal } from './api.ts';

/** What a make-believe machine does at its first boot with a cloud-config document: of all that such a document can say, the keys. */
export interface FirstBoot {
  readonly authorizedKeys: readonly string[];
  /** Of those, the ones with a last day. */
  readonly limitedKeys: readonly string[];
  readonly hostKey?: string;
}

const LIMITED = /^expiry-time="[^"]*" /;

/** Reads a document as cloud-init would. Throws `invalid` for what is none. */
export function firstBoot(document: string): FirstBoot {
  const content: unknown = document.startsWith('#cloud-config\n') ? parse(document, { version: '1.1' }) : undefined;
  if (typeof content !== 'object' || content === null)
    throw new SandboxRefusal('invalid', 'user_data: expected a #cloud-config document');
  const { ssh_authorized_keys: keys, ssh_keys: hostKeys, users } = content as Record<string, unknown>;
  const roots = (Array.isArray(users) ? users : []).filter((user) => user?.name === 'root');
  const lines = [keys, ...roots.map((root) => root.ssh_authorized_keys)]
    .flat()
    .filter((line) => typeof line === 'string');
  const hostKey =
    typeof hostKeys === 'object' && hostKeys !== null && 'ed25519_private' in hostKeys
      ? hostKeys.ed25519_private
      : undefined;
  return {
    authorizedKeys: lines.map((line) => line.replace(LIMITED, '')),
    limitedKeys: lines.filter((line) => LIMITED.test(line)).map((line) => line.replace(LIMITED, '')),
    ...(typeof hostKey === 'string' ? { hostKey } : {}),
  };
}
