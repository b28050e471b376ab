import { type CallContext, isProvisionerError, type Operation, type OwnerStamp } from '../../src/provisioner/index.ts';
import { type Backend, finish, pause } from './backend.ts';
import { cutOffClones } from './cut-off.ts';
import { reasonOf } from './errors.ts';
import { judge, type Machine, objection } from './judge.ts';
import { hidden, ours } from './owned.ts';
import { lookAt, type Seen } from './sight.ts';
import { sameStamp } from './stamp.ts';
import { findTasks } from './tasks-find.ts';
import { parseUpid } from './tasks-upid.ts';
import { allowedTemplates } from './template.ts';
import { viewCluster } from './view.ts';

export type Remains =
  | { readonly state: 'made'; readonly machine: Machine }
  | { readonly state: 'nothing' }
  /** Somebody else has the VMID. */
  | { readonly state: 'strange'; readonly why: string }
  /** Half a machine that can never be finished, and that we may not remove. */
  | { readonly state: 'cut-off' };

const COPY_LIMIT_MS = 60 * 60_000;
/** How long a VMID may be in use by something that no task explains. */
const UNEXPLAINED_MS = 15_000;

/**
 * What an attempt left under the VMID that it chose, once nothing is under way there any more. A clone that runs can be seen by its
 * task only, whose id is the template's; the machine joins its pool at the very end. Throws `not-ours` for a machine of this stamp that
 * an operator has renamed, or whose stamp was damaged.
 */
export async function whatRemains(backend: Backend, vmid: number, op: Operation, stamp: OwnerStamp): Promise<Remains> {
  const { clock } = backend;
  let unexplainedSince: number | undefined;
  for (;;) {
    const sight = await lookAt(backend, vmid, op);
    if (sight.state === 'gone') return { state: 'nothing' };
    const locked = sight.state === 'there' && isBeingMade(sight.config['lock']);
    if (sight.state === 'there') {
      const why = objection(sight.at, sight.config, stamp);
      if (why !== undefined && isStrange(backend, sight, stamp)) return { state: 'strange', why };
      if (why !== undefined || !locked) return { state: 'made', machine: ours(sight, stamp) };
    }
    if (await awaitClones(backend, op)) {
      unexplainedSince = undefined;
      continue;
    }
    unexplainedSince ??= clock.monotonic();
    if (clock.monotonic() - unexplainedSince > UNEXPLAINED_MS) {
      if ((await cutOffClones(backend, op)).has(vmid)) return { state: 'cut-off' };
      throw hidden(vmid);
    }
    await pause(clock, 500, op);
  }
}

/** False for a machine that is or may be ours and may not be touched: another one beside it would be a second one. */
function isStrange({ agent }: Backend, { at, config }: Seen, stamp: OwnerStamp): boolean {
  const judged = judge(at, config, agent);
  return judged.whose === 'ours' ? !sameStamp(judged.machine.stamp, stamp) : judged.whose === 'others';
}

/** Waits for every clone that this token has under way, however it ends. False when there is none. */
export async function awaitClones(backend: Backend, ctx: CallContext): Promise<boolean> {
  const { pve, settings } = backend;
  const { rows } = await viewCluster(backend, ctx);
  const nodes = new Set([settings.node, ...allowedTemplates(rows, settings).map(({ node }) => node)]);
  const query = { type: 'qmclone', who: settings.api_token_id };
  const lists = await Promise.all([...nodes].map((node) => findTasks(pve, { ...query, node }, ctx.signal)));
  const running = lists.flat().filter(({ state }) => state === 'running');
  for (const { upid } of running) {
    try {
      await finish(backend, upid, { doing: 'clone', limitMs: COPY_LIMIT_MS, signal: ctx.signal });
    } catch (error) {
      // What became of it is looked at next; only that it has ended counts here.
      const goesOn = reasonOf(error) === 'task-running' || reasonOf(error) === 'lost';
      if (!isProvisionerError(error) || ctx.signal.aborted || goesOn) throw error;
      ctx.log.info({ err: error, task: parseUpid(upid)?.type }, 'proxmox: a clone of an earlier attempt failed');
    }
  }
  return running.length > 0;
}

function isBeingMade(lock: string | undefined): boolean {
  return lock === 'clone' || lock === 'create';
}
