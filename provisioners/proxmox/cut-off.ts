import { type CallContext, isProvisionerError, ProvisionerError } from '../../src/provisioner/index.ts';
import type { Backend } from './backend.ts';
import { reasonOf } from './errors.ts';
import { parseUpid, type Upid } from './tasks-upid.ts';
import { allowedTemplates } from './template.ts';
import { viewCluster } from './view.ts';

/** A clone's first lines name its target; the rest is progress. */
const HEAD_LINES = 50;

/**
 * VMIDs under which a clone of this token's was cut off: its worker was killed, or its host lost power. What it leaves stays locked for
 * ever, and a token with rights on a pool never sees it, since a machine joins its pool at the end of the clone. No call that a token
 * may make unlocks or removes it.
 */
export async function cutOffClones(backend: Backend, ctx: CallContext): Promise<ReadonlySet<number>> {
  const { pve, settings } = backend;
  const { rows, nodes } = await viewCluster(backend, ctx);
  const up = new Set(nodes.filter(({ status }) => status === 'online').map(({ node }) => node));
  const homes = new Set([settings.node, ...allowedTemplates(rows, settings).map(({ node }) => node)]);
  const lists = await Promise.all(
    [...homes]
      .filter((node) => up.has(node))
      .map((node) => pve.tasks.list(node, { typefilter: 'qmclone' }, ctx.signal)),
  );
  const found = new Set<number>();
  for (const { upid, status } of lists.flat()) {
    const { type, who } = parseUpid(upid) ?? {};
    if (type !== 'qmclone' || who !== settings.api_token_id || !isNoEnd(status)) continue;
    const vmid = await targetOf(backend, upid, ctx);
    if (vmid !== undefined) found.add(vmid);
  }
  return found;
}

/** Said of a worker that wrote no last line. */
function isNoEnd(status: string | undefined): boolean {
  return status !== undefined && /^(?:unexpected status|unable to (?:read tail|open file))/.test(status);
}

/** The task's id is the template's; from 9 on its log says the new one in words, before that in the names of volumes. */
async function targetOf({ pve }: Backend, upid: Upid, ctx: CallContext): Promise<number | undefined> {
  try {
    const text = (await pve.tasks.log(upid, { start: 0, limit: HEAD_LINES }, ctx.signal)).join('\n');
    const id =
      /^creating a clone of VM \d+ with ID (\d+)$/m.exec(text)?.[1] ?? /\bvm-(\d+)-(?:disk|cloudinit)/.exec(text)?.[1];
    return id === undefined ? undefined : Number(id);
  } catch (error) {
    if (!isProvisionerError(error) || ctx.signal.aborted) throw error;
    ctx.log.debug({ err: error, reason: reasonOf(error) }, 'proxmox: the log of an old clone cannot be read');
    return undefined;
  }
}

/** What only the host's administrator can do about it. */
export function remedyFor(vmid: number): string {
  return `as root on its node: qm unlock ${vmid} && qm destroy ${vmid}`;
}

export function cutOff(vmid: number): ProvisionerError {
  return new ProvisionerError(
    'retry',
    `VMID ${vmid} holds half a machine: its clone was cut off when its host failed. It is locked, and no token may remove it; ${remedyFor(vmid)}`,
  );
}
