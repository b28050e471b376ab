import { isProvisionerError } from '../../../src/provisioner/index.ts';
import { reasonOf } from '../errors.ts';
import { waitForTask } from '../tasks.ts';
import { type FoundTask, findTasks, type TaskQuery } from '../tasks-find.ts';
import type { Upid } from '../tasks-upid.ts';
import type { Made } from './made.ts';
import { readMark } from './mark.ts';
import { usesSnippet } from './steps-template.ts';
import type { Stays, UndoWork } from './undo.ts';
import { insist, runTask } from './work.ts';

type GuestThing = Extract<Made, { kind: 'content' | 'pool' | 'member' | 'image' | 'snippet' | 'template' }>;

const LIMIT_MS = 15 * 60_000;

export async function takeBackGuest(thing: GuestThing, work: UndoWork): Promise<Stays> {
  switch (thing.kind) {
    case 'template':
      return takeBackTemplate(thing, work);
    case 'image':
      return takeBackImage(thing, work);
    case 'snippet':
      return takeBackSnippet(thing.volid, work);
    case 'member':
      return takeOut(thing, work);
    case 'pool':
      return takeBackPool(thing.pool, work);
    case 'content':
      return takeBackContent(thing, work);
    default:
      return thing satisfies never;
  }
}

/** Only a guest with our mark is removed, and its task is waited for first: it would go on making what was just removed. */
async function takeBackTemplate(thing: Extract<Made, { kind: 'template' }>, work: UndoWork): Promise<Stays> {
  const { pve, signal } = work;
  const { node, vmid, since } = thing;
  for (const type of ['qmcreate', 'qmdestroy']) await settle(work, { node, type, since }, String(vmid), 'wait');
  const config = await pve.vms.config({ node, vmid }, 'pending', signal).catch((error: unknown) => {
    if (reasonOf(error) === 'vm-missing') return undefined;
    throw error;
  });
  if (config === undefined) {
    return (await pve.cluster.isIdFree(vmid, signal)) ? undefined : 'it is not on that node any more';
  }
  // Another guest under that VMID: ours was never made, or is gone.
  if (readMark(config)?.setup !== thing.setup) return undefined;
  const pool = (await pve.cluster.vms(signal)).rows.find((row) => row.vmid === vmid)?.pool;
  const sharing = pool === undefined ? [] : await agentsOf(pool, work);
  if (sharing.length > 0) return `other agents may sell it: ${sharing.join(', ')}`;
  const task = {
    doing: `remove template ${vmid}`,
    node,
    type: 'qmdestroy',
    id: String(vmid),
    since,
    limitMs: LIMIT_MS,
  };
  await runTask(work, { ...task, already: ['vm-missing'] }, () => pve.vms.remove({ node, vmid }, signal));
  return undefined;
}

async function takeBackImage(thing: Extract<Made, { kind: 'image' }>, work: UndoWork): Promise<Stays> {
  const { node, storage, file, since } = thing;
  await settle(work, { node, type: 'download', since }, file, 'stop');
  const volid = `${storage}:import/${file}`;
  const volumes = await work.pve.storage.volumes(node, storage, { content: 'import' }, work.signal);
  if (!volumes.some((one) => one.volid === volid)) return undefined;
  const task = { doing: `remove ${volid}`, node, type: 'imgdel', id: storage, since, limitMs: LIMIT_MS };
  await runTask(work, { ...task, already: ['no-volume'] }, () =>
    work.pve.storage.removeVolume(node, storage, volid, work.signal),
  );
  return undefined;
}

/** Clones go on naming the snippet of their template, and a machine whose snippet is not there does not start. */
async function takeBackSnippet(volid: string, { pve, snippets, signal }: UndoWork): Promise<Stays> {
  if (snippets === undefined) return 'it can only be removed on the host that it was written on';
  const users: number[] = [];
  for (const row of (await pve.cluster.vms(signal)).rows) {
    if (row.type !== 'qemu') continue;
    const { cicustom } = await pve.vms.config(row, 'pending', signal);
    if (usesSnippet(cicustom, volid)) users.push(row.vmid);
  }
  if (users.length > 0) return `without it these could not be started any more: ${users.join(', ')}`;
  await snippets.remove(volid);
  return undefined;
}

/** The list is read anew at each attempt: one whose answer was lost may have been done. */
async function takeBackContent({ storage, added }: Extract<Made, { kind: 'content' }>, work: UndoWork): Promise<Stays> {
  const { pve, signal } = work;
  let stays: Stays;
  await insist(work, [], async () => {
    const { content, digest } = await pve.storage.definition(storage, signal);
    const left = [...content].filter((one) => !added.includes(one));
    if (left.length === content.size) return;
    // A storage must be allowed to hold something.
    if (left.length === 0) stays = 'the storage would be allowed to hold nothing';
    else await pve.storage.setContent(storage, new Set(left), digest, signal);
  });
  return stays;
}

async function takeOut({ pool, vmid }: Extract<Made, { kind: 'member' }>, work: UndoWork): Promise<Stays> {
  const { pve, signal } = work;
  await insist(work, [], async () => {
    const { members } = await pve.pools.get(pool, signal);
    if (members.some((member) => member.vmid === vmid)) await pve.pools.takeOut(pool, { vms: [vmid] }, signal);
  });
  return undefined;
}

async function takeBackPool(pool: string, work: UndoWork): Promise<Stays> {
  const { pve, signal } = work;
  if (!(await pve.pools.list(signal)).some(({ poolid }) => poolid === pool)) return undefined;
  const { members } = await pve.pools.get(pool, signal);
  const names = members.map(({ vmid, storage, type }) =>
    vmid === undefined ? `${type} ${storage ?? ''}` : `VM ${vmid}`,
  );
  if (names.length > 0) return `it is not empty: ${names.join(', ')}`;
  const sharing = await agentsOf(pool, work);
  if (sharing.length > 0) return `other agents use it: ${sharing.join(', ')}`;
  await insist(work, ['missing'], () => pve.pools.remove(pool, signal));
  return undefined;
}

/** Tokens that still have rights on the pool. The one of this setup has none any more: it was taken back before. */
async function agentsOf(pool: string, { pve, signal, age }: UndoWork): Promise<string[]> {
  if (age === 'just made') return [];
  const acl = await pve.access.acl(signal);
  return acl.filter((entry) => entry.path === `/pool/${pool}` && entry.type === 'token').map(({ ugid }) => ugid);
}

/** Ends, or waits for, what an earlier order still does. How it ended is seen by what is there afterwards. */
async function settle(work: UndoWork, query: TaskQuery, id: string, how: 'wait' | 'stop'): Promise<void> {
  const running = (found: FoundTask): boolean => found.id === id && found.state === 'running';
  for (const { upid } of (await findTasks(work.pve, query, work.signal)).filter(running)) {
    if (how === 'stop') await work.pve.tasks.stop(upid, work.signal);
    await ended(work, upid);
  }
}

/** However it ends, and whatever it says: what is there then is looked at. */
async function ended({ pve, clock, signal }: UndoWork, upid: Upid): Promise<void> {
  try {
    await waitForTask(pve, upid, { doing: 'end what was begun', clock, signal, limitMs: LIMIT_MS });
  } catch (error) {
    if (!isProvisionerError(error) || signal.aborted) throw error;
  }
}
