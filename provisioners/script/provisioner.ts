import type { Capabilities, Inventory, PluginDeps, Provisioner } from '../../src/provisioner/index.ts';
import type { Backend } from './backend.ts';
import { assertRunnable, checkScripts } from './check.ts';
import { scriptClient } from './client.ts';
import { createMachine } from './create.ts';
import { destroyMachine, removeTwin } from './destroy.ts';
import { observeMachine } from './observe.ts';
import { listMachines } from './ownership.ts';
import { startMachine, stopMachine } from './power.ts';
import type { ScriptSettings } from './schema.ts';

/** The protocol has no question for it: nothing is claimed, and admission takes no total memory as "not known". */
const NOTHING_KNOWN: Inventory = {
  cpuCores: 0,
  cpuThreads: 0,
  memoryTotalMb: 0,
  memoryFreeMb: 0,
  storages: [],
  templates: [],
  gpus: [],
};

/** A backend made of the operator's own executables. What has no executable is not supported, and its method is absent. */
export function openScript(settings: ScriptSettings, deps: PluginDeps): Provisioner {
  const client = scriptClient(settings, deps.target, deps.clock);
  const backend: Backend = { client, settings, agent: deps.agent, target: deps.target, clock: deps.clock };
  const provisioner: Provisioner = {
    capabilities: {
      readiness: settings.ready_check,
      recipes: true,
      healthCheck: true,
      ...(settings.static_addresses ? { address: true as const } : {}),
      ...(settings.cloud_init ? cloudInit(settings) : {}),
    },
    check: (ctx) => checkScripts(backend, ctx),
    async inventory() {
      await assertRunnable(backend);
      return NOTHING_KNOWN;
    },
    create: (order, op) => createMachine(backend, order, op),
    observe: (ref, ctx) => observeMachine(backend, ref, ctx),
    destroy: (ref, op) => destroyMachine(backend, ref, op),
  };
  if (settings.list !== undefined) {
    provisioner.list = (ctx) => listMachines(backend, ctx);
    provisioner.removeTwin = (twin, keep, op) => removeTwin(backend, twin, keep, op);
  }
  if (settings.start !== undefined) provisioner.start = (ref, op) => startMachine(backend, ref, op);
  if (settings.stop !== undefined) provisioner.stop = (ref, op) => stopMachine(backend, ref, op);
  return provisioner;
}

/** A seed on a disk of its own has room for any document; this is what the agent's own scripts may have. */
const MAX_USER_DATA_BYTES = 65_536;

function cloudInit({ ssh_user, static_addresses, nameservers }: ScriptSettings): Partial<Capabilities> {
  return {
    hostKey: true,
    loginUser: true,
    userData: { maxBytes: MAX_USER_DATA_BYTES, user: ssh_user },
    ...(static_addresses ? { networkConfig: { nameservers } } : {}),
  };
}
