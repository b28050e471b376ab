import type { CallContext, Listing, PowerState } from '../../src/provisioner/index.ts';
import type { Backend } from './backend.ts';
import { instanceOf, powerOf } from './instance.ts';
import { viewCluster } from './view.ts';
import type { PveVmRow } from './wire.ts';

/**
 * Every machine of ours, by one list of guests and one of nodes, whatever their number; descriptions are read of new and changed ones,
 * and of one more that was not looked at for longest.
 */
export async function listMachines(backend: Backend, ctx: CallContext): Promise<Listing> {
  const { registry, book, settings } = backend;
  const { rows, gap } = await viewCluster(backend, ctx);
  const { machines, unclear } = await registry.survey(rows, ctx);
  await registry.refresh(rows, ctx);
  // A VMID that is a stranger's by now keeps no address of the machine that had it.
  const ours = [...machines.map(({ machine }) => machine), ...unclear];
  if (gap === undefined) book.keepOnly(new Set(ours.map(({ vmid }) => vmid)));
  else ctx.log.info({ gap }, 'proxmox: the list of guests proves nothing about those that it lacks');
  if (unclear.length > 0)
    ctx.log.warn({ unclear: unclear.slice(0, 5) }, 'proxmox: guests that may be ours could not be judged');
  return {
    complete: gap === undefined && unclear.length === 0,
    instances: machines.map(({ machine, row }) => {
      const power = powerNow(backend, row);
      return instanceOf(machine, power, settings, book.known(machine), uptimeOf(row, power));
    }),
  };
}

/** What this process has just seen itself is newer than the list. */
function powerNow({ powerNotes }: Backend, { vmid, status, lock }: PveVmRow): PowerState {
  const power = powerOf(status, lock);
  return power === 'transition' ? power : (powerNotes.get(vmid) ?? power);
}

function uptimeOf({ status, uptime }: PveVmRow, power: PowerState): number | undefined {
  return status === 'running' && power === 'running' ? uptime : undefined;
}
