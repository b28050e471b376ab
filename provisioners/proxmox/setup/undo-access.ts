import { reasonOf } from '../errors.ts';
import type { Made } from './made.ts';
import { COMMENT } from './names.ts';
import type { Stays, UndoWork } from './undo.ts';
import { insist } from './work.ts';

type AccessThing = Extract<Made, { kind: 'role' | 'privileges' | 'user' | 'token' | 'right' }>;

/** Each looks first: since the setup, the agent of another host may have come to share user and role. */
export async function takeBackAccess(thing: AccessThing, work: UndoWork): Promise<Stays> {
  const { pve, signal } = work;
  switch (thing.kind) {
    case 'right':
      return takeBackRight(thing, work);
    case 'token':
      await gone(work, () => pve.access.removeToken(thing.user, thing.token, signal));
      return undefined;
    case 'user':
      return takeBackUser(thing.user, work);
    case 'role': {
      const users = await usersOf(thing.role, work);
      if (users.length > 0) return `it is in use by ${users.join(', ')}`;
      await gone(work, () => pve.access.removeRole(thing.role, signal));
      return undefined;
    }
    case 'privileges':
      return takeBackPrivileges(thing, work);
    default:
      return thing satisfies never;
  }
}

async function takeBackRight(thing: Extract<Made, { kind: 'right' }>, work: UndoWork): Promise<Stays> {
  const { pve, signal } = work;
  if ('user' in thing.to) {
    const { user } = thing.to;
    const acl = await pve.access.acl(signal);
    // A token has no more than its user: without this the tokens of other hosts would lose it too.
    const sharing = acl.filter(
      (e) => e.path === thing.path && e.roleid === thing.role && e.ugid.startsWith(`${user}!`),
    );
    if (sharing.length > 0) return `${sharing.map(({ ugid }) => ugid).join(', ')} needs it`;
  }
  await gone(work, () => pve.access.disallow(thing, signal));
  return undefined;
}

async function takeBackUser(user: string, work: UndoWork): Promise<Stays> {
  const { pve, signal } = work;
  const found = (await pve.access.users(signal)).find(({ userid }) => userid === user);
  if (found === undefined) return undefined;
  if (found.comment !== COMMENT) return 'its comment is no longer the one of the setup';
  const tokens = await pve.access.tokens(user, signal);
  if (tokens.length > 0) return `it has other tokens: ${tokens.map(({ tokenid }) => tokenid).join(', ')}`;
  await gone(work, () => pve.access.removeUser(user, signal));
  return undefined;
}

async function takeBackPrivileges(thing: Extract<Made, { kind: 'privileges' }>, work: UndoWork): Promise<Stays> {
  const { pve, signal } = work;
  const role = (await pve.access.roles(signal)).find(({ id }) => id === thing.role);
  if (role === undefined) return undefined;
  if ([...role.privileges].sort().join() !== [...thing.are].sort().join()) return 'they were changed since';
  const users = await usersOf(thing.role, work);
  if (users.some((who) => who.includes('!'))) return `${users.join(', ')} uses the role`;
  await insist(work, [], () => pve.access.setRole(thing.role, thing.were, signal));
  return undefined;
}

async function usersOf(role: string, { pve, signal }: UndoWork): Promise<string[]> {
  const acl = await pve.access.acl(signal);
  return [...new Set(acl.filter(({ roleid }) => roleid === role).map(({ ugid }) => ugid))];
}

/** What is not there any more is as good as removed. */
async function gone(work: UndoWork, remove: () => Promise<void>): Promise<void> {
  await insist(work, [], async () => {
    try {
      await remove();
    } catch (error) {
      if (reasonOf(error) !== 'missing') throw error;
    }
  });
}
