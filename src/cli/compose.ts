import { Agent, type AgentDeps, DrainSwitch, statusDocument, type TargetDeps } from '../agent/index.ts';
import type { Config } from '../config/types.ts';
import { systemGuest } from '../guest/index.ts';
import { knock, UptimeLog, uptimeDirectory } from '../health/index.ts';
import { serviceManager } from '../host/systemd.ts';
import { VERSION } from '../host/version.ts';
import { createAttestor } from '../identity/attest.ts';
import { trySealCredentials } from '../identity/credentials.ts';
import { createSigner } from '../identity/sign.ts';
import { createVault } from '../identity/vault.ts';
import { type Ledger, openLedger } from '../ledger/index.ts';
import { defaultPolicy, type Policy } from '../lifecycle/index.ts';
import { createBudget } from '../platform/budget.ts';
import { createPlatformClient } from '../platform/client.ts';
import { createHttpTransport } from '../platform/http-transport.ts';
import { systemClock } from '../ports/clock.ts';
import type { AgentId, TargetName } from '../ports/ids.ts';
import type { Log } from '../ports/log.ts';
import { systemRandom } from '../ports/random.ts';
import { systemDisk } from '../ports/system-disk.ts';
import type { ActionAnswer } from '../telemetry/local-api.ts';
import { startLocalApi } from '../telemetry/local-api.ts';
import { eventOf } from './events.ts';
import { EXIT, type ExitCode } from './exit.ts';
import { gatewayDeps, trafficStore } from './gateway.ts';
import { guardedVault } from './guarded-vault.ts';
import { ledgerDirectory, socketPath } from './places.ts';
import { readAgentKey } from './platform.ts';
import { pluginsOf } from './plugins/registry.ts';

export interface RunOptions {
  readonly log: Log;
  /** Aborted when the process is asked to end. */
  readonly signal: AbortSignal;
  readonly env: NodeJS.ProcessEnv;
}

/** Running steps may end by themselves for this long after a stop is asked for; see TimeoutStopSec in the unit. */
const GRACE_MS = 20_000;

/** The composition root: builds the daemon out of its real parts, runs it until the signal, and stops it in order. */
export async function runAgent(config: Config, options: RunOptions): Promise<ExitCode> {
  const { log, signal, env } = options;
  const key = await readAgentKey(config);
  for (const warning of [...key.warnings, ...config.warnings.map((one) => one.message)])
    log.warn({ warning }, 'configuration warning');
  const ledger = await openLedger({
    disk: systemDisk,
    directory: ledgerDirectory(config.agent.stateDir),
    clock: systemClock,
    log,
    ...stopAfterEntry(env),
  });
  const undo: (() => Promise<unknown>)[] = [() => ledger.close()];
  try {
    const transport = createHttpTransport({ endpoint: config.api.endpoint, name: 'platform' });
    const heartbeatTransport = createHttpTransport({
      endpoint: config.api.endpoint,
      name: 'heartbeat',
      connections: 1,
    });
    undo.push(
      () => transport.close(),
      () => heartbeatTransport.close(),
    );
    const platform = createPlatformClient({
      transport,
      heartbeatTransport,
      signer: createSigner(key.secret),
      providerPubkey: config.api.providerPubkey,
      clock: systemClock,
      random: systemRandom,
      budget: createBudget({
        clock: systemClock,
        limits: { read: config.api.readsPerMinute, write: config.api.writesPerMinute },
      }),
      log,
    });
    const targets = await openTargets(config, key.publicKey, log);
    const agent = new Agent({
      agent: key.publicKey,
      settings: settingsOf(config),
      clock: systemClock,
      random: systemRandom,
      log,
      ledger,
      platform,
      guest: systemGuest,
      knock,
      uptime: new UptimeLog({
        disk: systemDisk,
        directory: uptimeDirectory(config.agent.stateDir),
        attestor: createAttestor(key.secret),
        intervalMs: config.polling.healthCheckIntervalSeconds * 1000,
        log,
      }),
      sealCredential: trySealCredentials,
      vault: guardedVault(createVault(key.secret, systemRandom)),
      targets,
      ...gatewayDeps(config),
      trafficStore: trafficStore(config.agent.stateDir),
      drain: await DrainSwitch.open(systemDisk, config.agent.stateDir),
      clockSkewMs: () => platform.skew()?.skewMs,
    });
    // Before anything runs: the first heartbeat tells what earlier processes have counted.
    await agent.traffic.open();
    const localApi = await openLocalApi(agent, ledger, config);
    undo.push(() => localApi.close());
    await serve(agent, { log, signal, env });
    return EXIT.ok;
  } finally {
    for (const step of undo.reverse()) await step();
  }
}

async function serve(agent: Agent, { log, signal, env }: RunOptions): Promise<void> {
  const manager = serviceManager({ env, clock: systemClock, log, alive: () => agent.alive });
  const stopped = new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
  agent.start();
  manager.ready('running');
  await stopped;
  manager.stopping();
  log.info({}, 'stopping: machines stay as they are');
  await agent.stop(GRACE_MS);
  log.info({}, 'stopped');
}

/** All targets are opened before anything runs; opening talks to no backend, so one that is down does not keep the agent from starting. */
async function openTargets(config: Config, agent: AgentId, log: Log): Promise<TargetDeps[]> {
  const opened: TargetDeps[] = [];
  for (const { name, type, settings } of config.targets) {
    const plugin = pluginsOf(config).get(type);
    if (plugin === undefined)
      throw new Error(`target ${name}: the provisioner type ${type} is not part of this version`);
    const provisioner = await plugin.open(settings, {
      agent,
      target: name,
      clock: systemClock,
      random: systemRandom,
      log: log.child({ target: name }),
    });
    opened.push({ name: name as TargetName, type: plugin.type, provisioner });
  }
  return opened;
}

async function openLocalApi(agent: Agent, ledger: Ledger, config: Config): Promise<{ close(): Promise<void> }> {
  return startLocalApi({
    socketPath: socketPath(config.agent.stateDir),
    status: () => statusDocument(agent, process.pid),
    subscribe: (listener) => ledger.onEvent((contract, event, at) => listener(eventOf(contract, event, at))),
    actions: {
      approve: async (contracts) => approve(agent, contracts),
      resetPassword: async (contract, sealFor) => resetPassword(agent, contract, sealFor),
      drain: () => drain(agent),
      resume: () => resume(agent),
    },
  });
}

async function drain(agent: Agent): Promise<ActionAnswer> {
  const taken = 'No new contracts are taken; what is begun is finished, and machines stay.';
  try {
    await agent.drain();
    return { ok: true, text: taken };
  } catch (error) {
    return {
      ok: true,
      text: `${taken} This lasts until the next start only, for it could not be written down: ${textOf(error)}`,
    };
  }
}

async function resume(agent: Agent): Promise<ActionAnswer> {
  try {
    await agent.resume();
    return { ok: true, text: 'New contracts are taken again.' };
  } catch (error) {
    return { ok: false, text: `Still drained, for the state directory refuses the change: ${textOf(error)}` };
  }
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function approve(agent: Agent, contracts: readonly string[]): ActionAnswer {
  const approved = agent.approve(contracts);
  if (approved.length === 0) return { ok: false, text: 'Nothing is held back.' };
  return { ok: true, text: `Approved: the end of ${approved.length} machine(s) goes on.` };
}

function resetPassword(agent: Agent, contract: string, sealFor: string | undefined): ActionAnswer {
  const problem = agent.resetPassword(contract, sealFor);
  if (problem !== undefined) return { ok: false, text: problem };
  const where =
    agent.sealsFor(contract, sealFor) === undefined
      ? 'the platform hands it to the tenant, and nobody else sees it.'
      : `sealed to the tenant’s key it goes to the platform; here: dc-agent credential ${contract.slice(0, 12)}`;
  return { ok: true, text: `A new password is being set; ${where}` };
}

function settingsOf(config: Config): AgentDeps['settings'] {
  return {
    version: VERSION,
    endpoint: config.api.endpoint,
    stateDir: config.agent.stateDir,
    workIntervalMs: config.polling.workIntervalSeconds * 1000,
    reconcileIntervalMs: config.polling.intervalSeconds * 1000,
    healthIntervalMs: config.polling.healthCheckIntervalSeconds * 1000,
    maxConcurrentProvisioning: config.agent.maxConcurrentProvisioning,
    memoryHeadroomMb: config.agent.memoryHeadroomMb,
    policy: policyOf(config),
    recipes: recipesOf(config),
  };
}

function recipesOf({ recipes }: Config): NonNullable<AgentDeps['settings']['recipes']> {
  const { onFailure, timeoutSeconds, script, cloudInit } = recipes;
  return {
    onFailure,
    limitSeconds: timeoutSeconds,
    ...(script === undefined ? {} : { script }),
    ...(cloudInit === undefined ? {} : { cloudInit }),
  };
}

function policyOf(config: Config): Policy {
  return {
    ...defaultPolicy,
    orphanGraceMs: config.polling.orphanGracePeriodSeconds * 1000,
    breaker: {
      ...defaultPolicy.breaker,
      maxCount: config.agent.breakerMaxCount,
      maxShare: config.agent.breakerMaxShare,
      holdMs: config.agent.breakerHoldSeconds * 1000,
    },
  };
}

/** For tests of crashes: the process dies by its own hand right after entry N is safe, as if the power had gone at that moment. */
function stopAfterEntry(env: NodeJS.ProcessEnv): { onEntry?: (number: number) => void } {
  const limit = Number(env['DC_AGENT_STOP_AFTER_ENTRY']);
  if (!Number.isInteger(limit) || limit < 1) return {};
  return {
    onEntry: (number) => {
      if (number >= limit) process.kill(process.pid, 'SIGKILL');
    },
  };
}
