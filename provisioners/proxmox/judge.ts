import type { AgentId, OwnerStamp } from '../../src/provisioner/index.ts';
import type { VmAt } from './api-vms.ts';
import { isTemplate } from './machine.ts';
import { isStamped, type MachineStamp, readStamp, sameStamp } from './stamp.ts';
import type { VmConfig } from './wire.ts';

/** A machine of this agent, as its configuration was just read. */
export interface Machine extends VmAt {
  readonly config: VmConfig;
  readonly stamp: MachineStamp;
}

export type Judgement =
  | { readonly whose: 'ours'; readonly machine: Machine }
  | { readonly whose: 'others'; readonly why: string }
  /** It may have been ours: nothing is done to it, and nothing is concluded from it. */
  | { readonly whose: 'unclear'; readonly why: string };

/** Whose a guest is, by its configuration alone. */
export function judge({ node, vmid }: VmAt, config: VmConfig, agent: AgentId): Judgement {
  const description = config['description'];
  if (!isStamped(description)) return { whose: 'others', why: 'it carries no stamp' };
  if (isTemplate(config)) return { whose: 'others', why: 'it is a template' };
  const stamp = readStamp(description);
  if (stamp === undefined) return { whose: 'unclear', why: 'its stamp is damaged' };
  // An operator's clone, or a backup that was restored under another id, brings the description along.
  if (stamp.vmid !== vmid) return { whose: 'others', why: `it is a copy of VM ${stamp.vmid}` };
  if (stamp.agent !== agent) return { whose: 'others', why: 'it carries the stamp of another agent' };
  return { whose: 'ours', machine: { node, vmid, config, stamp } };
}

/**
 * Why this guest may not be touched in the name of a stamp; undefined when it may. Besides the stamp its name must be the one it was
 * made with: an operator who renames a machine has other plans for it.
 */
export function objection(at: VmAt, config: VmConfig, stamp: OwnerStamp): string | undefined {
  const judged = judge(at, config, stamp.agent);
  if (judged.whose !== 'ours') return judged.why;
  const { machine } = judged;
  if (!sameStamp(machine.stamp, stamp)) return 'it carries the stamp of another contract or operation';
  if (config['name'] === machine.stamp.name) return undefined;
  return `it was renamed from '${machine.stamp.name}' to '${config['name'] ?? ''}': give it its name back if it is still the tenant's`;
}
