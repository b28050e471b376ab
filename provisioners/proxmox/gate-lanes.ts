import type { Lane } from './gate.ts';

/** Writes that are done when they are answered: they hold one of the node's three workers, for 10 s when they wait for a lock. */
export function writes(node: string): Lane {
  return { name: `writes on ${node}`, width: 2 };
}

/** Those of the cluster's own files run on whichever node is asked. */
export const CLUSTER_WRITES: Lane = { name: 'writes to the cluster', width: 2 };

/** Questions to a guest agent that is not up hold a worker for 3 s each; one at a time leaves workers to everything else. */
export function agentTalk(node: string): Lane {
  return { name: `guest agents on ${node}`, width: 1 };
}
