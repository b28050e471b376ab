import { isProvisionerError } from '../../src/provisioner/index.ts';
import type { Asking } from './client.ts';
import { listAll } from './pages.ts';
import { agentTag } from './tags.ts';
import type { Target } from './target.ts';
import { thing } from './wire.ts';

/** Something that outlives a droplet and costs money by itself. */
export interface Leftover {
  readonly kind: 'volume' | 'snapshot';
  readonly id: string;
}

/**
 * Volumes and snapshots with this agent's tag. The agent makes none, so it deletes none: somebody made them of a machine, or for it.
 * `unknown` where the token may not look.
 */
export async function findLeftovers(
  { client, agent }: Pick<Target, 'client' | 'agent'>,
  asking: Asking,
): Promise<readonly Leftover[] | 'unknown'> {
  const own = agentTag(agent);
  const listed = async (kind: Leftover['kind'], path: string): Promise<Leftover[]> => {
    const list = { path, key: path.slice(1), entry: thing, idOf: ({ id }: { id: string }) => id };
    const { entries } = await listAll(client, list, asking);
    return entries.filter(({ tags }) => tags?.includes(own)).map(({ id }) => ({ kind, id }));
  };
  try {
    return [...(await listed('volume', '/volumes')), ...(await listed('snapshot', '/snapshots'))];
  } catch (error) {
    if (isProvisionerError(error) && error.kind === 'config') return 'unknown';
    throw error;
  }
}
