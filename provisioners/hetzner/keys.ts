import { createHash } from 'node:crypto';
import { untilAborted } from '../../src/provisioner/cloud/cancel.ts';
import { ProvisionerError } from '../../src/provisioner/index.ts';
import type { Asking, HetznerClient } from './client.ts';
import { listAll } from './pages.ts';
import { sshKey, sshKeyAnswer } from './wire.ts';

/**
 * A well-formed key for which nobody has the private half: its point on the curve is a hash, chosen before any secret could be.
 * A server that is made with a key gets no root password, which the API would otherwise also send by e-mail.
 */
export const NOBODYS_KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIF2yIw9rA7Tin5qgZ6OCHnOkjoBocjXDwqunnDsQ6WVW';

/** The one SSH key of the project that every server is made with. Tenants' keys never become keys of the project. */
export interface ProjectKey {
  /** Its id; found by its fingerprint, added when it is not there. */
  ensure(asking: Asking): Promise<number>;
  /** After the API said that the id is not there any more. */
  forget(): void;
}

/**
 * Keys are unique in a project by fingerprint and by name, so a key is looked for by what it is, and only what is not there is
 * added. It is never removed: other targets of the project may use it too.
 */
export function createProjectKey(client: HetznerClient, closing: AbortSignal, publicKey = NOBODYS_KEY): ProjectKey {
  const fingerprint = fingerprintOf(publicKey);
  let known: Promise<number> | undefined;

  async function find(asking: Asking): Promise<number | undefined> {
    const query = [['fingerprint', fingerprint]] as const;
    const { entries } = await listAll(client, { path: '/ssh_keys', key: 'ssh_keys', entry: sshKey, query }, asking);
    return entries.find((entry) => entry.fingerprint === fingerprint)?.id;
  }

  /** Undefined when the key, or its name, is taken. */
  async function add(name: string, { lane, signal }: Asking): Promise<number | undefined> {
    const answer = await client.call({
      doing: 'add an SSH key to the project',
      method: 'POST',
      path: '/ssh_keys',
      body: { name, public_key: publicKey },
      lane,
      signal,
      answer: sshKeyAnswer,
      expects: ['uniqueness_error'],
    });
    return answer.ok ? answer.value.ssh_key.id : undefined;
  }

  async function findOrAdd(asking: Asking): Promise<number> {
    const short = fingerprint.replaceAll(':', '').slice(0, 12);
    // Another agent may add it at the same moment; a name may belong to a key of the owner's.
    const id =
      (await find(asking)) ??
      (await add(`dc-agent-${short}`, asking)) ??
      (await find(asking)) ??
      (await add(`dc-agent-${short}-${fingerprint.slice(-2)}`, asking)) ??
      (await find(asking));
    if (id !== undefined) return id;
    throw new ProvisionerError('config', `Two SSH keys of the project are called dc-agent-${short}…: rename them`);
  }

  return {
    ensure({ lane, signal }) {
      if (known === undefined) {
        const asked = findOrAdd({ lane, signal: closing });
        known = asked;
        asked.catch(() => {
          if (known === asked) known = undefined;
        });
      }
      return untilAborted(known, signal, "the project's SSH key was looked up");
    },
    forget() {
      known = undefined;
    },
  };
}

/** As Hetzner shows it: MD5 of the key's wire form, in hex with colons. */
export function fingerprintOf(publicKey: string): string {
  const blob = Buffer.from(publicKey.split(' ')[1] ?? '', 'base64');
  return createHash('md5').update(blob).digest('hex').match(/../g)?.join(':') ?? '';
}
