import { createInterface } from 'node:readline/promises';
import type { Config, TargetConfig } from '../../config/types.ts';
import { silentLog } from '../../ports/log.ts';
import type { ProvisionerPlugin } from '../../provisioner/plugin.ts';
import { redacted, redactText } from '../../telemetry/redact.ts';
import { advise } from '../advice.ts';
import { type Args, flag, type Handler, text } from '../command.ts';
import { readConfig } from '../configuration.ts';
import { EXIT, type ExitCode } from '../exit.ts';
import { Failure } from '../failure.ts';
import type { Io } from '../io.ts';
import { readAgentKey } from '../platform.ts';
import { type LiveOutcome, type RuleVerdict, runLive } from '../plugins/live/run.ts';
import { pluginsOf } from '../plugins/registry.ts';
import { oneLine } from '../text/table.ts';

export const conformance: Handler = async (args, io) => {
  const limits = { budget: wholeNumber(args, 'budget'), parallel: wholeNumber(args, 'parallel') };
  const ruleTimeoutMs = wholeNumber(args, 'timeout') * 1000;
  const config = await readConfig(args, io);
  const target = chooseTarget(config, args.operands[0]);
  const plugin = choosePlugin(config, target);
  const agent = (await readAgentKey(config)).publicKey;
  io.err(announcement(target, limits));
  if (!flag(args, 'yes') && !(await confirmed(target.name, io))) {
    io.err('Nothing was made.');
    return EXIT.failed;
  }
  const outcome = await runLive({
    plugin,
    settings: target.settings,
    target: target.name,
    agent,
    stateDir: config.agent.stateDir,
    log: silentLog,
    signal: io.signal,
    ...limits,
    ruleTimeoutMs,
    onVerdict: (verdict) => io.err(line(verdict, io)),
    tell: (words) => io.err(`             ${oneLine(redactText(words))}`),
  });
  return report(outcome, target, args, io);
};

function chooseTarget({ targets }: Config, name: string | undefined): TargetConfig {
  const target = targets.find((candidate) => candidate.name === name);
  if (target !== undefined) return target;
  throw new Failure({
    what: `there is no target ${name ?? ''}`,
    details: [`Configured: ${targets.map((candidate) => candidate.name).join(', ')}`],
    exit: EXIT.usage,
  });
}

function choosePlugin(config: Config, { type }: TargetConfig): ProvisionerPlugin {
  const plugin = pluginsOf(config).get(type);
  if (plugin === undefined) throw new Failure({ what: `this agent has no provisioner of type ${type}` });
  return plugin;
}

function announcement(
  { name, type }: TargetConfig,
  { budget, parallel }: { budget: number; parallel: number },
): string {
  return [
    `On target ${name} (${type}) this makes, and removes, real machines:`,
    `  at most ${budget} in all, at most ${parallel} at the same time, 1 core and 512 MiB each, named dc-…;`,
    '  stamped with an agent id of their own, so that nobody else’s machine is touched and no running agent touches these.',
    'Where the backend charges, it charges for them.',
  ].join('\n');
}

/** The name and not "y": whoever has several terminals open should know which target this is. */
async function confirmed(name: string, io: Io): Promise<boolean> {
  io.err(`To go on, type the name of the target (${name}):`);
  return (await answer(io)).trim() === name;
}

/** One line where a person types, all of standard input where a script does. */
async function answer(io: Io): Promise<string> {
  if (process.stdin.isTTY !== true) return io.input();
  const reader = createInterface({ input: process.stdin });
  try {
    return await reader.question('', { signal: io.signal });
  } catch (error) {
    if (io.signal.aborted) return '';
    throw error;
  } finally {
    reader.close();
  }
}

function line({ rule, verdict, why, ms }: RuleVerdict, io: Io): string {
  const { colors } = io;
  const mark = { kept: colors.green('kept   '), broken: colors.red('BROKEN '), skipped: colors.dim('skipped') }[
    verdict
  ];
  const because = why === undefined ? '' : `: ${oneLine(redactText(why))}`;
  return `${(ms / 1000).toFixed(1).padStart(7)} s  ${mark}  ${rule}${because}`;
}

function report(outcome: LiveOutcome, target: TargetConfig, args: Args, io: Io): ExitCode {
  const number = (wanted: RuleVerdict['verdict']): number =>
    outcome.rules.filter(({ verdict }) => verdict === wanted).length;
  const [kept, broken, skipped] = [number('kept'), number('broken'), number('skipped')];
  const ok = broken === 0 && kept > 0 && outcome.left.length === 0 && !outcome.interrupted;
  if (flag(args, 'json'))
    io.out(JSON.stringify(redacted({ ok, target: target.name, type: target.type, ...outcome }), null, 2));
  else {
    const verdict = ok ? io.colors.green('PASS') : io.colors.red('FAIL');
    const ended = outcome.interrupted ? ', interrupted' : '';
    io.out(
      `${verdict}  ${kept} rules kept, ${broken} broken, ${skipped} skipped; ${outcome.machines} machines made${ended}`,
    );
  }
  for (const machine of outcome.left) io.err(`A machine may be left: ${oneLine(redactText(machine))}`);
  if (outcome.left.length > 0) io.err(`next: ${advise('dc-agent test-provision --cleanup', args.config)}`);
  return ok ? EXIT.ok : EXIT.failed;
}

function wholeNumber(args: Args, option: string): number {
  const value = Number(text(args, option));
  if (Number.isSafeInteger(value) && value > 0) return value;
  throw new Failure({ what: `--${option} takes a whole number above 0`, exit: EXIT.usage });
}
