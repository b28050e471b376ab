import { builtinPlugins } from '../../../provisioners/index.ts';
import type { Config, TargetConfig } from '../../config/types.ts';
import type { AgentId } from '../../ports/ids.ts';
import { silentLog } from '../../ports/log.ts';
import { systemClock, systemRandom } from '../../provisioner/index.ts';
import { redacted, redactText } from '../../telemetry/redact.ts';
import { advise } from '../advice.ts';
import { type Args, flag, type Handler, text } from '../command.ts';
import { readConfig } from '../configuration.ts';
import { EXIT, type ExitCode } from '../exit.ts';
import { Failure } from '../failure.ts';
import type { Io } from '../io.ts';
import { openPlatform, readAgentKey } from '../platform.ts';
import { oneLine } from '../text/table.ts';
import { gatewayWays, readyForGatewayTrial } from '../trial/gateway.ts';
import { storedTrials, type TrialRecord } from '../trial/record.ts';
import { removeTrial } from '../trial/remove.ts';
import { runTrial, type TrialEvent } from '../trial/trial.ts';

export const testProvision: Handler = async (args, io) => {
  const config = await readConfig(args, io);
  if (flag(args, 'cleanup')) return cleanUp(config, io);
  const sshPubkey = text(args, 'sshPubkey');
  if (flag(args, 'keep') && sshPubkey === undefined) {
    throw new Failure({
      what: '--keep without --ssh-pubkey would leave a machine that nobody can log in to',
      next: 'Give a key too:',
      command: 'dc-agent test-provision --keep --ssh-pubkey ~/.ssh/id_ed25519.pub',
      exit: EXIT.usage,
    });
  }
  const key = await readAgentKey(config);
  const link = flag(args, 'testGateway') && !flag(args, 'skipDns') ? openPlatform(config.api.endpoint) : undefined;
  if (flag(args, 'testGateway')) await readyForGatewayTrial(config);
  const target = chooseTarget(config, text(args, 'target'));
  const platform = link?.signed(key, config.api.providerPubkey);
  const through = { kind: 'through' as const, ...(platform === undefined ? {} : { platform }) };
  const outcome = redacted(
    await runTrial({
      config,
      target,
      agent: key.publicKey,
      ...gatewayWays(config, target, flag(args, 'testGateway') ? through : { kind: 'around' }),
      plugins: builtinPlugins,
      log: silentLog,
      signal: io.signal,
      sshPubkey,
      keep: flag(args, 'keep') ? 'keep' : undefined,
      sizes: {
        ...amount(args, 'cpu', 'cpuCores'),
        ...amount(args, 'memory', 'memoryMb'),
        ...amount(args, 'disk', 'storageGb'),
      },
      timeoutMs: (amount(args, 'timeout', 'seconds')['seconds'] ?? 600) * 1000,
      tell: (event) => io.err(line(event)),
    }),
  );
  await link?.close();
  if (flag(args, 'json')) io.out(JSON.stringify(outcome, null, 2));
  else io.out(`${outcome.ok ? io.colors.green('PASS') : io.colors.red('FAIL')}  ${oneLine(outcome.finding.title)}`);
  if (outcome.finding.remedy !== undefined) io.err(`next: ${advise(outcome.finding.remedy, args.config)}`);
  return outcome.ok ? EXIT.ok : EXIT.failed;
};

function line(event: TrialEvent): string {
  return `${(event.ms / 1000).toFixed(2).padStart(8)} s  ${oneLine(redactText(event.text))}`;
}

/** Destroys nothing but what a note on this disk names; the plugin verifies each machine's stamp besides. */
async function cleanUp(config: Config, io: Io): Promise<ExitCode> {
  const { agent } = config;
  const { records, unreadable } = await storedTrials(agent.stateDir);
  let failed = unreadable.length;
  for (const file of unreadable) io.err(`${file} cannot be read; it is kept.`);
  for (const record of records) {
    if (record.pid !== undefined && record.pid !== process.pid && isAlive(record.pid)) {
      io.err(
        `${record.contract.slice(0, 12)} on ${record.target}: process ${record.pid} is still at work on it; left alone.`,
      );
      continue;
    }
    if ((await removeOne(config, record, io)) !== undefined) failed += 1;
  }
  if (records.length === 0 && failed === 0) io.out('Nothing is left of earlier test runs.');
  return failed === 0 ? EXIT.ok : EXIT.failed;
}

async function removeOne(config: Config, record: TrialRecord, io: Io): Promise<string | undefined> {
  const target = config.targets.find((candidate) => candidate.name === record.target);
  const plugin = target && builtinPlugins.get(target.type);
  if (target === undefined || plugin === undefined) {
    io.err(`${record.contract.slice(0, 12)}: target ${record.target} is not configured any more; its note is kept.`);
    return 'no target';
  }
  const deps = { target: target.name, clock: systemClock, random: systemRandom, log: silentLog };
  const provisioner = await plugin.open(target.settings, { agent: record.agent as AgentId, ...deps });
  try {
    const tell = (words: string): void =>
      io.out(`${record.contract.slice(0, 12)} on ${record.target}: ${oneLine(redactText(words))}`);
    return await removeTrial(provisioner, record, config.agent.stateDir, silentLog, tell);
  } finally {
    await provisioner.close?.();
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: it is alive and somebody else's.
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

function chooseTarget(config: Config, name: string | undefined): TargetConfig {
  const target = config.targets.find((candidate) =>
    name === undefined ? candidate.isDefault : candidate.name === name,
  );
  if (target !== undefined) return target;
  throw new Failure({
    what: `there is no target ${name ?? ''}`,
    details: [`Configured: ${config.targets.map((candidate) => candidate.name).join(', ')}`],
    exit: EXIT.usage,
  });
}

function amount<Field extends string>(args: Args, option: string, field: Field): Partial<Record<Field, number>> {
  const given = text(args, option);
  if (given === undefined) return {};
  const value = Number(given);
  if (!Number.isFinite(value) || value <= 0) {
    throw new Failure({ what: `--${option} takes a number above 0`, exit: EXIT.usage });
  }
  return { [field]: value } as Partial<Record<Field, number>>;
}
