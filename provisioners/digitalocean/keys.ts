import { createHash } from 'node:crypto';
import { untilAborted } from '../../src/provisioner/cloud/cancel.ts';
import { ProvisionerError } from '../../src/provisioner/index.ts';
import type { Asking, DoClient } from './client.ts';
import { sshKeyAnswer } from './wire.ts';

/**
 * A well-formed key for which nobody has the private half: its point on the curve is a hash, chosen before any secret could be.
 * A droplet that is made with a key gets no root password, which would otherwise be mailed to the account's owner, and whose
 * being expired would stand in the way of every login.
 */
export const NOBODYS_KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIF2yIw9rA7Tin5qgZ6OCHnOkjoBocjXDwqunnDsQ6WVW';

/** The one SSH key of the account that every droplet is made with. Tenants' keys never become keys of the account. */
export interface AccountKey {
  /** Its fingerprint; the key is there: it was looked for by what it is, and added only where it was missing. */
  ensure(asking: Asking): Promise<string>;
  /** After the API said that the key is not there any more. */
  forget(): void;
}

/** Never removed: other targets of the account may use it too. */
export function createAccountKey(client: DoClient, closing: AbortSignal, publicKey = NOBODYS_KEY): AccountKey {
  const fingerprint = fingerprintOf(publicKey);
  let known: Promise<string> | undefined;

  /** By its fingerprint: the list of all keys may be asked for ten times a minute only. */
  async function isThere({ lane, signal }: Asking): Promise<boolean> {
    const answer = await client.call({
      doing: "look for the agent's SSH key",
      method: 'GET',
      path: `/account/keys/${fingerprint}`,
      lane,
      signal,
      answer: sshKeyAnswer,
      expects: ['absent'],
    });
    return answer.ok && answer.value.ssh_key.fingerprint === fingerprint;
  }

  async function add({ lane, signal }: Asking): Promise<void> {
    await client.call({
      doing: 'add an SSH key to the account',
      method: 'POST',
      path: '/account/keys',
      body: { name: `dc-agent-${fingerprint.replaceAll(':', '').slice(0, 12)}`, public_key: publicKey },
      lane,
      signal,
      answer: sshKeyAnswer,
      // Another agent may have added it at the same moment.
      expects: ['taken'],
    });
  }

  async function findOrAdd(asking: Asking): Promise<string> {
    if (await isThere(asking)) return fingerprint;
    await add(asking);
    if (await isThere(asking)) return fingerprint;
    throw new ProvisionerError('retry', 'DigitalOcean took an SSH key and does not show it yet');
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
      return untilAborted(known, signal, "the account's SSH key was looked up");
    },
    forget() {
      known = undefined;
    },
  };
}

/** As DigitalOcean shows it: MD5 of the key's wire form, in hex with colons. */
export function fingerprintOf(publicKey: string): string {
  const blob = Buffer.from(publicKey.split(' ')[1] ?? '', 'base64');
  return createHash('md5').update(blob).digest('hex').match(/../g)?.join(':') ?? '';
}
