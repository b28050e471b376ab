import { openSandbox } from '../../provisioners/sandbox/provisioner.ts';
import { sandboxSettings } from '../../provisioners/sandbox/schema.ts';
import { createSandboxCore, type SandboxCore } from '../../simulators/sandbox/core.ts';
import { inProcessSandbox } from '../../simulators/sandbox/in-process.ts';
import type { SandboxMachine } from '../../simulators/sandbox/machine.ts';
import type { Clock } from '../../src/ports/clock.ts';
import type { AgentId } from '../../src/ports/ids.ts';
import type { Backend, BackendOptions, Client, SeenMachine } from './backend.ts';
import { type FirstBoot, firstBootOf } from './recipes.ts';
import type { SeededRandom } from './seeded-random.ts';
import { backendTrouble } from './story.ts';

/** The sandbox as the stories' backend. */
export const sandboxBackend = sandbox('backend');

/** The same where scripts get into machines by SSH only, with a key of the agent's that has to go again. */
export const sandboxBySsh = sandbox('ssh');

/** One whose machines all have this cloud-init. */
export function sandboxWithCloudInit(scripts: Scripts, cloudInit: FirstBoot): Make {
  return sandbox(scripts, () => cloudInit);
}

type Make = (clock: Clock, random: SeededRandom, options: BackendOptions) => Backend;
type Scripts = 'backend' | 'ssh';
type FirstBoots = typeof firstBootOf;

function sandbox(scripts: Scripts, cloudInit: FirstBoots = firstBootOf): Make {
  return (clock, random, options) => makeSandbox(clock, random, options, scripts, cloudInit);
}

function makeSandbox(
  clock: Clock,
  random: SeededRandom,
  options: BackendOptions,
  scripts: Scripts,
  cloudInit: FirstBoots,
): Backend {
  const { createMs, bootMs, maxMachines, reuseIds, storm } = options;
  const core = createSandboxCore({
    clock,
    random,
    options: { createMs, bootMs, maxMachines, reuseIds, cloudInit },
    chaos: (call) => storm((chance) => backendTrouble(chance, call)),
  });
  return {
    type: 'sandbox',
    open: (client) =>
      openSandbox({
        transport: client.gate(transportOf(core, clock, client)),
        deps: client.deps,
        settings: sandboxSettings.parse({ socket_path: '/simulated', scripts }),
      }),
    machines: () => [...core.machines.values()].map((machine) => seen(machine, core)),
    answersAt(_host, port) {
      const answer = core.sshAt(port);
      if (answer === undefined) return undefined;
      return { ready: answer.ready, hostKey: answer.hostKeyFingerprint, keys: answer.machine.authorizedKeys };
    },
    onChange: (listener) => void core.onChange((machine) => listener(seen(machine, core))),
    addTrouble: (call, fault, skip, times) => void core.faults.add({ call, fault, skip, times }),
    clearTroubles: () => core.faults.clear(),
    guest: {
      script(_host, port, order) {
        const at = core.sshAt(port);
        return at === undefined ? undefined : core.inside.script(at.machine.id, order);
      },
      dropKey(_host, port, key) {
        const at = core.sshAt(port);
        if (at !== undefined) core.inside.dropKey(at.machine.id, key);
      },
      cloudInit(_host, port) {
        const at = core.sshAt(port);
        return at === undefined ? undefined : (core.inside.cloudInit(at.machine) ?? undefined);
      },
    },
    forge: (id) => core.admin.forge(id),
    setReachable: (reachable) => core.admin.setReachable(reachable),
    nodeDown() {
      core.admin.setReachable(false);
      for (const { id, state } of core.machines.values())
        if (state === 'running' || state === 'starting') core.admin.powerOff(id);
    },
    nodeUp: () => core.admin.setReachable(true),
    powerOff: (id) => core.admin.powerOff(id),
    lose: (id) => core.admin.lose(id),
    giveIdToStranger: (id) => core.admin.giveIdToStranger(id),
    addStranger: () => core.admin.addForeign({ name: 'dc-01', labels: { 'dc-contract-id': 'not-one-of-ours' } }),
  };
}

function seen(machine: Readonly<SandboxMachine>, core: SandboxCore): SeenMachine {
  const cloudInit = core.inside.cloudInit(machine);
  return {
    ...(cloudInit === null ? {} : { cloudInit }),
    id: machine.id,
    contract: machine.labels['dc-contract-id'],
    agent: machine.labels['dc-agent-id'] as AgentId | undefined,
    state: machine.state,
    door: machine.sshPort === undefined ? undefined : `127.0.0.1:${machine.sshPort}`,
    keys: machine.authorizedKeys,
    ...(machine.limitedKeys === undefined ? {} : { limitedKeys: machine.limitedKeys }),
    ...(machine.scripts === undefined ? {} : { scripts: machine.scripts }),
    ...(machine.forged === undefined ? {} : { forged: machine.forged }),
    hasPassword: (password) => machine.rootPassword === password,
  };
}

function transportOf(core: SandboxCore, clock: Clock, client: Client): ReturnType<typeof inProcessSandbox> {
  const watched: SandboxCore = {
    ...core,
    handle: (request) => {
      const before = core.faults.pending;
      const answer = core.handle(request);
      const struck = core.faults.pending < before || answer.delivery !== 'answer' || answer.delayMs > 0;
      if (struck) client.onFault(`backend:${answer.delivery === 'answer' ? `${answer.status}` : answer.delivery}`);
      return answer;
    },
  };
  const transport = inProcessSandbox(watched, { clock, latencyMs: client.latencyMs });
  return (request) => {
    if (request.method === 'POST' && request.path === '/machines')
      client.onCreate(JSON.parse(request.body ?? '{}').labels?.['dc-contract-id']);
    return transport(request);
  };
}
