import { sleep } from '../../../src/ports/clock.ts';
import type { Endpoint, TaskContext } from '../call.ts';
import { clone } from './clone-copy.ts';
import { planClone } from './clone-plan.ts';
import { checkRunning, lockOf, VM_PATH, vmidRule } from './machine.ts';

/** A clone waits only so long for the locks of target and source. */
const CLONE_LOCK_MS = 1_000;

/** POST clone: copies everything but MACs and board identity; name, description and pool come with it. */
export const cloneEndpoint: Endpoint = {
  method: 'POST',
  path: '/nodes/{node}/qemu/{vmid}/clone',
  params: {
    ...VM_PATH,
    newid: vmidRule(),
    bwlimit: { type: 'integer', optional: true, minimum: 0 },
    description: { type: 'string', optional: true },
    format: { type: 'string', optional: true, enum: ['raw', 'qcow2', 'vmdk'] },
    full: { type: 'boolean', optional: true },
    name: { type: 'string', optional: true, format: 'dns-name' },
    pool: { type: 'string', optional: true, format: 'pve-poolid' },
    snapname: { type: 'string', optional: true, format: 'pve-configid', maxLength: 40 },
    storage: { type: 'string', optional: true, format: 'pve-storage-id' },
    target: { type: 'string', optional: true, format: 'pve-node' },
  },
  permission: [
    'and',
    ['perm', '/vms/{vmid}', ['VM.Clone']],
    ['or', ['perm', '/vms/{newid}', ['VM.Allocate']], ['perm-if', 'pool', '/pool/{pool}', ['VM.Allocate']]],
  ],
  protected: true,
  async handle(call) {
    const { pve, params, caller } = call;
    const [node, vmid, newid] = [params.text('node'), params.int('vmid'), params.int('newid')];
    const running = checkRunning(pve, node, vmid);
    // Of many calls at once, those that wait for one of the daemon's workers meet the machine that the first one makes.
    await sleep(pve.clock, pve.timings.configMs);
    planClone(call, running);
    const log = (task: TaskContext) => (line: string) => task.log(line);
    return pve.task({
      node,
      type: 'qmclone',
      id: String(vmid),
      caller,
      run: (task) =>
        pve.locked(
          lockOf(newid),
          'exclusive',
          CLONE_LOCK_MS,
          () =>
            pve.locked(
              lockOf(vmid),
              running ? 'exclusive' : 'shared',
              CLONE_LOCK_MS,
              () => clone(call, planClone(call, running), task),
              log(task),
            ),
          log(task),
        ),
    });
  },
};
