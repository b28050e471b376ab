import { resolve } from 'node:path';
import type { Config, GatewayConfig } from '../../config/types.ts';
import { renderAcmeDns } from '../../gateway/acme-dns-file.ts';
import { openGateway } from '../../gateway/open.ts';
import { GatewayError } from '../../gateway/port.ts';
import { PlatformError } from '../../platform/api.ts';
import { flag, type Handler } from '../command.ts';
import { readConfig } from '../configuration.ts';
import { renderReport, summarise } from '../doctor/report.ts';
import { EXIT, type ExitCode } from '../exit.ts';
import { Failure } from '../failure.ts';
import type { Io } from '../io.ts';
import { openPlatform, readAgentKey } from '../platform.ts';
import { readWish } from '../setup/gateway/options.ts';
import { type GatewayPlan, planGateway } from '../setup/gateway/plan.ts';
import { gatewayPlaces, readGatewayRecord } from '../setup/gateway/record.ts';
import { finishSteps, keepAccount, planGatewayUndo, prepareSteps } from '../setup/gateway/steps.ts';
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
  if (flag(args, 'undo')) return undo(config, wish, io, host);
  const key = await readAgentKey(config);
  const plan = await planGateway(wish, resolve(args.config), key.publicKey, host);
  if (wish.dryRun) {
    show([...prepareSteps(plan, host), ...accountAsShown(plan), ...finishSteps(plan, host)], io);
    return EXIT.ok;
  }
  await applyAll(prepareSteps(plan, host), io);
  // The only thing that somebody outside remembers, so it comes when all else has worked.
  if (plan.needsAccount) await applyAll(keepAccount(await register(config, plan, io), host), io);
  await applyAll(finishSteps(plan, host), io);
  return report(await readConfig(args, io), io);
};

/** A second registration would replace the first one's account, so what is written down once is kept. */
async function register(config: Config, plan: GatewayPlan, io: Io): Promise<string> {
  const link = openPlatform(config.api.endpoint);
  const { dcId } = plan.choice;
  io.err(`registering ${dcId} with the platform`);
  try {
    const api = link.signed(await readAgentKey(config), config.api.providerPubkey);
    return renderAcmeDns(await api.registerGateway(dcId, io.signal));
  } catch (cause) {
    if (!(cause instanceof PlatformError)) throw cause;
    throw new Failure({
      what: `the platform does not register ${dcId}`,
      next: 'Everything on this host is prepared: run the command again when that is settled. Another id is chosen with --dc-id; without names and HTTPS it goes with --no-web.',
      cause,
    });
  } finally {
    await link.close();
  }
}

function accountAsShown({ needsAccount, choice }: GatewayPlan): Pick<Step, 'says'>[] {
  return needsAccount
    ? [{ says: `register ${choice.dcId} with the platform, and keep the account for certificates` }]
    : [];
}

async function report({ gateway }: Config, io: Io): Promise<ExitCode> {
  if (gateway === undefined) throw new Failure({ what: 'the configuration has no [gateway] after all' });
  const opened = await openGateway(gateway);
  try {
    const findings = await opened.check(AbortSignal.any([io.signal, AbortSignal.timeout(30_000)]));
    io.out(renderReport(summarise([{ name: 'gateway', findings }]), io.colors));
    return findings.some(({ level }) => level === 'fail') ? EXIT.failed : EXIT.ok;
  } finally {
    await opened.close();
  }
}

async function undo(
  config: Config,
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
  if (gateway !== undefined && !force && !dryRun) await checkUnused(gateway, io);
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
async function checkUnused(gateway: GatewayConfig, io: Io): Promise<void> {
  const opened = await openGateway(gateway);
  try {
    const routes = await opened.traffic(AbortSignal.any([io.signal, AbortSignal.timeout(10_000)]));
    if (routes.length === 0) return;
    throw new Failure({
      what: `${routes.length} machines are reached through this gateway: their tenants would lose them`,
      next: 'Drain the agent and wait for the contracts to end. To do it all the same:',
      command: 'dc-agent setup gateway --undo --force',
    });
  } catch (error) {
    // A helper that is gone already serves nobody.
    if (!(error instanceof GatewayError)) throw error;
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
