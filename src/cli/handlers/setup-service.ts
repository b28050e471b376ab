import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { flag, type Handler, text, texts } from '../command.ts';
import { EXIT } from '../exit.ts';
import { Failure } from '../failure.ts';
import type { Io } from '../io.ts';
import { checkConfig } from '../setup/service/check-config.ts';
import { mustRun, type ServiceHost, servicePlaces, thisHost, UNIT } from '../setup/service/host.ts';
import { checkUnchanged, installSteps, startService } from '../setup/service/install.ts';
import { planService, type ServiceOptions } from '../setup/service/plan.ts';
import { readRecord } from '../setup/service/record.ts';
import type { Outcome, Step } from '../setup/service/steps.ts';
import { planUndo } from '../setup/service/undo.ts';

export interface InstallOptions extends ServiceOptions {
  /** Replaces files of the service that somebody has changed. */
  readonly force?: true;
  /** Prints every file and command, and changes nothing. */
  readonly dryRun?: true;
}

export const setupService: Handler = async (args, io) => {
  const files = text(args, 'files');
  const dryRun = flag(args, 'dryRun') ? ({ dryRun: true } as const) : {};
  if (flag(args, 'undo')) await removeService(dryRun, io);
  else {
    const force = flag(args, 'force') ? ({ force: true } as const) : {};
    const named = files === undefined ? {} : { files };
    await installService({ config: args.config, groups: texts(args, 'group'), ...named, ...force, ...dryRun }, io);
  }
  return EXIT.ok;
};

/**
 * Makes a systemd service of this agent, starts it, and resolves once it has said that it runs. May be repeated: it changes what
 * is not as it should be, and starts the service anew only for that. Throws Failure or ConfigError; what is done by then stays, and
 * `removeService` takes it back.
 */
export async function installService(options: InstallOptions, io: Io, host = thisHost(io.env)): Promise<void> {
  if (!options.dryRun) await checkHost(host);
  const plan = await planService(options, host);
  await checkConfig(plan.config, servicePlaces(host.root).credentials, io.env);
  if (!options.force) await checkUnchanged(plan);
  for (const warning of plan.warnings) io.err(`warning: ${warning}`);
  const steps = installSteps(plan, host);
  if (options.dryRun) return show([...steps, { says: `run systemctl restart ${UNIT}, when anything has changed` }], io);
  const files = await applyAll(steps, io);
  io.err(`starting ${UNIT}: waits until it runs`);
  const started = await startService(plan, files, host);
  await report(started, options.config, io, host);
}

/** Takes back exactly what `installService` did. State, keys and the service's user stay. */
export async function removeService(options: { dryRun?: true }, io: Io, host = thisHost(io.env)): Promise<void> {
  if (!options.dryRun) await checkHost(host);
  const record = await readRecord(servicePlaces(host.root).record);
  if (record === undefined) return io.out('There is nothing to take back: no service was set up by this command.');
  const { steps, kept } = await planUndo(record, host);
  if (options.dryRun) return show(steps, io);
  await applyAll(steps, io);
  for (const path of kept) io.err(`warning: ${path} was changed since, and stays.`);
  io.out('The service is gone. Machines run on; state, keys, configuration and the user dc-agent stay.');
}

async function checkHost(host: ServiceHost): Promise<void> {
  if (host.user !== 0) {
    throw new Failure({
      what: 'a service is made by root only',
      next: 'Look at what would be done, or do it:',
      command: 'sudo dc-agent setup service',
    });
  }
  // As sd_booted(3): the directory exists exactly where systemd is what runs everything else.
  const booted = await stat(join(host.root, 'run/systemd/system')).then(
    () => true,
    () => false,
  );
  if (booted) return;
  throw new Failure({
    what: 'this host was not started by systemd (a container, or another init system)',
    next: 'Let whatever supervises services here run the agent, as a user of its own:',
    command: 'dc-agent run',
  });
}

async function applyAll(steps: readonly Step[], io: Io): Promise<Outcome> {
  let all: Outcome = 'as it was';
  for (const step of steps) {
    const outcome = await step.apply();
    if (outcome === 'changed') all = 'changed';
    io.err(step.says.startsWith('run ') ? step.says : `${step.says}: ${outcome}`);
  }
  return all;
}

function show(steps: readonly Pick<Step, 'says' | 'shows'>[], io: Io): void {
  for (const { says, shows } of steps) {
    io.out(says);
    for (const line of shows?.trimEnd().split('\n') ?? []) io.out(`    ${line}`.trimEnd());
  }
  io.err('Nothing was changed.');
}

async function report(started: Outcome, config: string, io: Io, host: ServiceHost): Promise<void> {
  const properties = ['ActiveState', 'SubState', 'MainPID', 'StatusText'];
  const shown = await mustRun(host, ['systemctl', 'show', UNIT, `--property=${properties.join()}`]);
  const value = (name: string): string => new RegExp(`^${name}=(.*)$`, 'm').exec(shown)?.[1] ?? '';
  const state = `${value('ActiveState')} (${value('SubState')})`;
  io.out(`${UNIT} is ${state} as process ${value('MainPID')}: ${value('StatusText')}`);
  if (started === 'as it was') io.out('Everything was as it should be: it was not started anew.');
  io.out('Next:');
  io.out(`  dc-agent --config ${config} status`);
  io.out('  journalctl --unit dc-agent --follow');
}
