import { isProvisionerError } from '../../../src/provisioner/index.ts';
import type { AclChange } from '../api-access-writes.ts';
import { reasonOf } from '../errors.ts';
import type { PveStorageDefinition } from '../wire-storage.ts';
import { COMMENT } from './names.ts';
import { insist, type Step, type Work } from './work.ts';

export function makePool(pool: string): Step {
  return {
    says: `create pool '${pool}'`,
    makes: { kind: 'pool', pool },
    apply: (work) => insist(work, ['exists'], () => work.pve.pools.create(pool, COMMENT, work.signal)),
  };
}

export function putIntoPool(pool: string, vmid: number): Step {
  return {
    says: `put template ${vmid} into pool '${pool}'`,
    makes: { kind: 'member', pool, vmid },
    apply: (work) => insist(work, ['exists'], () => work.pve.pools.add(pool, { vms: [vmid] }, work.signal)),
  };
}

export function makeRole(role: string, privileges: readonly string[]): Step {
  return {
    says: `create role '${role}' with ${privileges.length} privileges`,
    makes: { kind: 'role', role },
    apply: (work) => insist(work, ['exists'], () => work.pve.access.createRole(role, privileges, work.signal)),
  };
}

export function changeRole(role: string, were: readonly string[], are: readonly string[]): Step {
  return {
    says: `give role '${role}' exactly the ${are.length} privileges that are needed`,
    makes: { kind: 'privileges', role, were: [...were], are: [...are] },
    apply: (work) => insist(work, [], () => work.pve.access.setRole(role, are, work.signal)),
  };
}

export function makeUser(user: string): Step {
  return {
    says: `create user ${user}, who has no password`,
    makes: { kind: 'user', user },
    apply: (work) => insist(work, ['exists'], () => work.pve.access.createUser(user, COMMENT, work.signal)),
  };
}

/** Takes the place of a token of the same name: its secret is known to nobody any more, and the name is this agent's alone. */
export function makeToken(user: string, token: string, before: 'present' | 'absent'): Step {
  return {
    says: `${before === 'present' ? 'replace' : 'create'} token ${user}!${token}`,
    makes: { kind: 'token', user, token },
    async apply(work) {
      if (before === 'present') await removeToken(work, user, token);
      await work.keepToken(await createToken(work, user, token));
    },
  };
}

export function giveRight(change: AclChange): Step {
  const to = 'user' in change.to ? change.to.user : change.to.token;
  return {
    says: `give ${to} the role '${change.role}' on ${change.path}`,
    makes: { kind: 'right', ...change },
    apply: (work) => insist(work, [], () => work.pve.access.allow(change, work.signal)),
  };
}

export function allowContent(definition: PveStorageDefinition, added: readonly string[]): Step {
  const { storage } = definition;
  return {
    says: `let storage '${storage}' hold ${added.join(' and ')}`,
    makes: { kind: 'content', storage, added: [...added] },
    async apply(work) {
      let { content, digest } = definition;
      await insist(work, [], async () => {
        try {
          await work.pve.storage.setContent(storage, new Set([...content, ...added]), digest, work.signal);
        } catch (error) {
          // Somebody changed a storage meanwhile, or an answer was lost: the list is read anew, so that nothing is undone by it.
          ({ content, digest } = await work.pve.storage.definition(storage, work.signal));
          throw error;
        }
      });
    },
  };
}

/** A lost answer takes the secret with it, so what was perhaps made is taken away and made again. */
async function createToken({ pve, signal, say }: Work, user: string, token: string) {
  try {
    return await pve.access.createToken(user, token, COMMENT, signal);
  } catch (error) {
    if (!isProvisionerError(error) || error.kind !== 'unknown-outcome' || signal.aborted) throw error;
    say(`${error.message}; making it anew`);
  }
  await removeToken({ pve, signal }, user, token);
  return pve.access.createToken(user, token, COMMENT, signal);
}

async function removeToken({ pve, signal }: Pick<Work, 'pve' | 'signal'>, user: string, token: string): Promise<void> {
  try {
    await pve.access.removeToken(user, token, signal);
  } catch (error) {
    if (reasonOf(error) !== 'missing') throw error;
  }
}
