import { join } from 'node:path';
import { systemDisk } from '../../src/ports/system-disk.ts';
import { type Inventory, type PluginDeps, type Provisioner, ProvisionerError } from '../../src/provisioner/index.ts';
import type { Backend } from './backend.ts';
import { checkManual } from './check.ts';
import { createMachine } from './create.ts';
import { destroyMachine } from './destroy.ts';
import { openNotices } from './notices.ts';
import { listMachines, observeMachine } from './observe.ts';
import { setPower } from './power.ts';
import type { ManualSettings } from './schema.ts';
import { openStore } from './store.ts';

/** Nobody can ask a room full of hardware: nothing is claimed, and admission takes no total memory as "not known". */
const NOTHING_KNOWN: Inventory = {
  cpuCores: 0,
  cpuThreads: 0,
  memoryTotalMb: 0,
  memoryFreeMb: 0,
  storages: [],
  templates: [],
  gpus: [],
};

/** A backend made of a person: every verb is a task, and what the operator answered is the truth about a machine. */
export async function openManual(settings: ManualSettings, deps: PluginDeps): Promise<Provisioner> {
  const store = openStore(join(settings.task_dir, deps.target));
  await systemDisk.ensureDirectory(store.directory).catch((err: unknown) => {
    // Doctor has to be able to open the target and say what is wrong with it; every call says so again.
    deps.log.error({ directory: store.directory, err }, 'the task directory cannot be made');
  });
  const backend: Backend = { deps, settings, store, notices: openNotices(settings, store, deps) };
  const provisioner: Provisioner = {
    capabilities: { readiness: settings.ready_check, noDiskLimit: 'a person makes the machine', patient: true },
    check: () => checkManual(backend),
    async inventory(ctx) {
      if (ctx.signal.aborted)
        throw new ProvisionerError('retry', 'The call was cancelled.', { cause: ctx.signal.reason });
      await store.ready();
      return NOTHING_KNOWN;
    },
    create: (order, op) => createMachine(backend, order, op),
    observe: (ref) => observeMachine(backend, ref),
    destroy: (ref, op) => destroyMachine(backend, ref, op),
    list: (ctx) => listMachines(backend, ctx),
    close: () => backend.notices.close(),
  };
  if (settings.power_tasks) {
    provisioner.stop = async (ref, op) => void (await setPower(backend, 'stop', ref, op));
    provisioner.start = (ref, op) => setPower(backend, 'start', ref, op);
  }
  return provisioner;
}
