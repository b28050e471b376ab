import { resolve } from 'node:path';
import type { Config, GatewayConfig } from '../../config/types.ts';
import { createNftGateway } from '../../gateway/nft-gateway.ts';
import { openGateway } from '../../gateway/open.ts';
import { GatewayError } from '../../gateway/port.ts';
import type { AgentId } from '../../ports/ids.ts';
import { flag, type Handler } from '../command.ts';
import { readConfig } from '../configuration.ts';
import { renderReport, summarise } from '../doctor/report.ts';
import { EXIT, type ExitCode } from '../exit.ts';
import { Failure } from '../failure.ts';
import type { Io } from '../io.ts';
import { openPlatform, readAgentKey } from '../platform.ts';
import { alone, giveAccountAway, type Register, registerStep } from '../setup/gateway/account.ts';
import { type GatewayWish, readWish } from '../setup/gateway/options.ts';
import { type GatewayPlan, planGateway } from '../setup/gateway/plan.ts';
import { gatewayPlaces, readGatewayRecord } from '../setup/gateway/record.ts';
import { finishSteps, planGatewayUndo, prepareSteps } from '../setup/gateway/steps.ts';
import { type ServiceHost, thisHost } from '../setup/service/host.ts';
import type { Step } from '../setup/service/steps.ts';

export const setupGateway: Handler = async (args, io) => {
  const host = { ...thisHost(io.env), undo: 'dc-agent setup gateway --undo' };
  const wish = readWish(args);
  const config = await readConfig(args, io);
  if (!wish.dryRun && host.user !== 0) {
    throw new Failure({
      what: 'a gateway is set up by root only',
      next: 'Look at what would be done with --dry-run, or run:',
      command: 'sudo dc-agent setup gateway',
    });
  }
  if (flag(args, 'undo')) {
    const takeBack = () => undoGateway(config, wish, io, host);
    return wish.dryRun ? takeBack() : alone(host, takeBack);
  }
  const { publicKey } = await readAgentKey(config);
  const make = () =>
    installGateway({ wish, config: resolve(args.config), agent: publicKey }, registrar(config, io), io, host);
  if (wish.dryRun) {
    await make();
    return EXIT.ok;
  }
  await alone(host, make);
  return report(await readConfig(args, io), io);
};

export interface GatewayInstall {
  readonly wish: GatewayWish;
  /** Path of the configuration. */
  readonly config: string;
  readonly agent: AgentId;
}

/** Makes `host` a gateway, up to the services that run; or shows how, and changes nothing. Repeatable. */
export async function installGateway(
  { wish, config, agent }: GatewayInstall,
  register: Register,
  io: Io,
  host: ServiceHost,
): Promise<void> {
  const plan = await planGateway(wish, config, agent, host);
  const steps = [
    ...prepareSteps(plan, host),
    // The only thing that somebody outside remembers, so it comes when all else has worked.
    ...accountSteps(plan, register, host),
    ...finishSteps(plan, host),
  ];
  if (wish.dryRun) show(steps, io);
  else await applyAll(steps, io);
}

function accountSteps({ account, choice }: GatewayPlan, register: Register, host: ServiceHost): Step[] {
  if (account === undefined) return [];
  return [
    ...(account.state === 'kept' ? [] : [registerStep(account.file, choice.dcId, register)]),
    giveAccountAway(account.file, host),
  ];
}

function registrar(config: Config, io: Io): Register {
  return async (dcId) => {
    const link = openPlatform(config.api.endpoint);
    try {
      const api = link.signed(await readAgentKey(config), config.api.providerPubkey);
      return await api.registerGateway(dcId, io.signal);
    } finally {
      await link.close();
    }
  };
}

async function report({ gateway }: Config, io: Io): Promise<ExitCode> {
  if (gateway === undefined) throw new Failure({ what: 'the configuration has no [gateway] after all' });
  const opened = openGateway(gateway);
  try {
    const findings = await opened.check(AbortSignal.any([io.signal, AbortSignal.timeout(30_000)]));
    io.out(renderReport(summarise([{ name: 'gateway', findings }]), io.colors));
    return findings.some(({ level }) => level === 'fail') ? EXIT.failed : EXIT.ok;
  } finally {
    await opened.close();
  }
}

/** Takes back what `installGateway` did; throws Failure where tenants would lose their ports. */
export async function undoGateway(
  config: Pick<Config, 'gateway'>,
  { dryRun, force }: { readonly dryRun: boolean; readonly force: boolean },
  io: Io,
  host: ServiceHost,
): Promise<ExitCode> {
  const record = await readGatewayRecord(gatewayPlaces(host.root).record);
  if (record === undefined) {
    io.out('There is nothing to take back: no gateway was set up by this command.');
    return EXIT.ok;
  }
  const { gateway } = config;
  if (gateway !== undefined && !force && !dryRun) await checkUnused(gateway, io, host);
  const { steps, kept } = await planGatewayUndo(record, gateway?.nftTable ?? 'dc_agent', host);
  if (dryRun) show(steps, io);
  else {
    await applyAll(steps, io);
    io.out('The gateway is gone. Machines run on, and are reached from this host only.');
  }
  for (const what of kept) io.err(`stays: ${what}`);
  return EXIT.ok;
}

/** Ports are how tenants reach what they pay for. */
async function checkUnused(gateway: GatewayConfig, io: Io, host: ServiceHost): Promise<void> {
  // With a helper that is down, ports that it opened stay as they are.
  const { stderr } = await host.run(['nft', 'list', 'table', 'inet', gateway.nftTable]);
  if (/No such file or directory/.test(stderr)) return;
  const open = await openPorts(gateway, io);
  if (open === 'none') return;
  throw new Failure({
    what: `${open} reached through this gateway: their tenants would lose them`,
    next: 'Drain the agent and wait for the contracts to end. To do it all the same:',
    command: 'dc-agent setup gateway --undo --force',
  });
}

async function openPorts(gateway: GatewayConfig, io: Io): Promise<string> {
  const opened = createNftGateway(gateway);
  try {
    const routes = await opened.traffic(AbortSignal.any([io.signal, AbortSignal.timeout(10_000)]));
    return routes.length === 0 ? 'none' : `${routes.length} machines are`;
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error;
    return `the helper does not say how many machines are (${error.message}); perhaps some are`;
  } finally {
    await opened.close();
  }
}

async function applyAll(steps: readonly Step[], io: Io): Promise<void> {
  for (const step of steps) {
    const outcome = await step.apply();
    io.err(step.says.startsWith('run ') ? step.says : `${step.says}: ${outcome}`);
  }
}

function show(steps: readonly Pick<Step, 'says' | 'shows'>[], io: Io): void {
  for (const { says, shows } of steps) {
    io.out(says);
    for (const line of shows?.trimEnd().split('\n') ?? []) io.out(`    ${line}`.trimEnd());
  }
  io.err('Nothing was changed.');
}
