import { builtinPlugins } from '../../../provisioners/index.ts';
import { type Config, ConfigError, type ConfigProblem, formatProblem } from '../../config/types.ts';
import { VERSION } from '../../host/version.ts';
import type { LoadedAgentKey } from '../../identity/keys.ts';
import type { AgentId } from '../../ports/ids.ts';
import { silentLog } from '../../ports/log.ts';
import type { Finding } from '../../provisioner/contract.ts';
import { redacted } from '../../telemetry/redact.ts';
import { advise } from '../advice.ts';
import { type Args, flag, type Handler, text } from '../command.ts';
import { readConfig } from '../configuration.ts';
import { withinDeadline } from '../doctor/deadline.ts';
import { checkGateway } from '../doctor/gateway.ts';
import { checkPlatform } from '../doctor/platform.ts';
import { renderReport, type Section, summarise } from '../doctor/report.ts';
import { checkState } from '../doctor/state.ts';
import { checkTargets } from '../doctor/targets.ts';
import { EXIT } from '../exit.ts';
import { causes, Failure } from '../failure.ts';
import type { Io } from '../io.ts';
import { openPlatform, type PlatformLink, readAgentKey } from '../platform.ts';
import { readRecords } from '../records.ts';
import { gatewayWays } from '../trial/gateway.ts';
import { runTrial } from '../trial/trial.ts';

export const doctor: Handler = async (args, io) => {
  const timeoutMs = seconds(text(args, 'timeout') ?? '15');
  const loaded = await readConfig(args, io).catch((error: unknown) => {
    if (error instanceof ConfigError) return error;
    throw error;
  });
  if (loaded instanceof ConfigError) {
    show([{ name: 'configuration', findings: loaded.problems.map(problemFinding) }], args, io);
    return EXIT.config;
  }
  const sections = await examine(loaded, args, io, timeoutMs);
  return show(sections, args, io) ? EXIT.ok : EXIT.failed;
};

async function examine(config: Config, args: Args, io: Io, timeoutMs: number): Promise<Section[]> {
  const { key, findings: keyFindings } = await checkKeyFile(config);
  const link = openPlatform(config.api.endpoint);
  const guard = (code: string, check: (signal: AbortSignal) => Promise<readonly Finding[]>) =>
    withinDeadline(code, timeoutMs, io.signal, check);
  // A target's check needs to know who we are only to tell our machines from others.
  const agent = key?.publicKey ?? ('0'.repeat(64) as AgentId);
  try {
    const [state, platform, targets] = await Promise.all([
      guard('state', () => checkState(config.agent.stateDir)),
      guard('platform', (signal) => checkPlatform(config, key, link, signal)),
      checkTargets(config, { plugins: builtinPlugins, agent, log: silentLog, timeoutMs, signal: io.signal }),
    ]);
    const sections: Section[] = [
      { name: 'configuration', findings: checkFile(config) },
      { name: 'agent key', findings: keyFindings },
      { name: 'state', findings: state },
      { name: 'platform', findings: platform },
      ...targets,
    ];
    const { gateway } = config;
    if (gateway !== undefined)
      sections.push({
        name: 'gateway',
        findings: await guard('gateway', (signal) => checkGateway(gateway, config.agent.stateDir, signal)),
      });
    if (flag(args, 'sendHeartbeat')) {
      const findings = await guard('heartbeat', (signal) => sendHeartbeat(config, key, link, signal));
      sections.push({ name: 'heartbeat', findings });
    }
    if (flag(args, 'testProvision')) {
      for (const target of config.targets) {
        const outcome = await runTrial({
          config,
          target,
          agent,
          plugins: builtinPlugins,
          log: silentLog,
          signal: io.signal,
          ...gatewayWays(config, target, { kind: 'around' }),
        });
        sections.push({ name: `test-provision on ${target.name}`, findings: [outcome.finding] });
      }
    }
    return sections;
  } finally {
    await link.close();
  }
}

function checkFile(config: Config): Finding[] {
  const names = config.targets.map((target) => target.name).join(', ');
  const valid: Finding = { level: 'pass', code: 'config', title: `${config.file} is valid; targets: ${names}.` };
  const warnings = config.warnings.map(
    (warning): Finding => ({
      level: 'warn',
      code: `config.${warning.code}`,
      title: `${warning.file}:${warning.line}: ${warning.message}`,
    }),
  );
  return [valid, ...warnings];
}

function problemFinding(problem: ConfigProblem): Finding {
  return {
    level: 'fail',
    code: 'config.problem',
    title: formatProblem(problem),
    // Without a line it is about the whole file, and the problem itself says what to do.
    ...(problem.line === 0 ? {} : { remedy: 'Correct the file, then look again: dc-agent config check' }),
  };
}

async function checkKeyFile(config: Config): Promise<{ key?: LoadedAgentKey; findings: Finding[] }> {
  try {
    const key = await readAgentKey(config);
    const good: Finding = { level: 'pass', code: 'key', title: `The agent key is ${key.publicKey}.` };
    return {
      key,
      findings: [good, ...key.warnings.map((title): Finding => ({ level: 'warn', code: 'key.file', title }))],
    };
  } catch (error) {
    const remedy = 'Make a key and register it: dc-agent setup token --token <token> --provisioner <type> --force';
    return { findings: [{ level: 'fail', code: 'key.unusable', title: causes(error).join(': '), remedy }] };
  }
}

/** The platform overwrites the agent's count with what it is sent, so it is sent the true one. */
async function sendHeartbeat(
  config: Config,
  key: LoadedAgentKey | undefined,
  link: PlatformLink,
  signal: AbortSignal,
): Promise<Finding[]> {
  if (key === undefined) return [{ level: 'skip', code: 'heartbeat', title: 'Not sent: there is no key.' }];
  const replay = await readRecords(config.agent.stateDir);
  const active = [...(replay?.records.values() ?? [])].filter(
    (record) => record.delivered && record.closedAt === undefined,
  );
  const beat = { version: VERSION, activeContracts: active.length };
  const answer = await link.signed(key, config.api.providerPubkey).heartbeat(beat, signal);
  const pool = answer.poolName === undefined ? '' : ` in pool ${answer.poolName}`;
  return [
    { level: 'pass', code: 'heartbeat', title: `The platform took a heartbeat${pool} (${active.length} contracts).` },
  ];
}

function show(sections: readonly Section[], args: Args, io: Io): boolean {
  const report = summarise(redacted(sections));
  io.out(
    flag(args, 'json')
      ? JSON.stringify({ version: VERSION, ...report }, null, 2)
      : advise(renderReport(report, io.colors), args.config),
  );
  return report.ok;
}

function seconds(given: string): number {
  const value = Number(given);
  if (Number.isFinite(value) && value > 0 && value <= 3600) return value * 1000;
  throw new Failure({ what: '--timeout takes seconds, from above 0 to 3600', exit: EXIT.usage });
}
