import { EXIT } from '../../exit.ts';
import { Failure } from '../../failure.ts';
import { lines, SERVICE_USER, type ServiceHost, servicePlaces, UNIT } from './host.ts';
import type { ServicePlan } from './plan.ts';
import { renderRecord } from './record.ts';
import { command, digest, linkFolder, type Outcome, ownerOf, readIfThere, type Step, write } from './steps.ts';

/**
 * What makes the service out of the plan, in order. The record of what is done is written first: whatever a process that dies
 * in between has done can be taken back, and the same steps again complete it.
 */
export function installSteps(plan: ServicePlan, host: ServiceHost): Step[] {
  const places = servicePlaces(host.root);
  const { sysusers, tmpfiles, record, credentials } = places;
  const file = (path: string): Step[] => plan.files.filter((one) => one.path === path).map(write);
  // What it was started with is only known afterwards.
  const known = { ...plan.record, ...(plan.before?.startedWith ? { startedWith: plan.before.startedWith } : {}) };
  return [
    write({ path: record, text: renderRecord(known), mode: 0o600 }),
    ...file(sysusers),
    command(host, 'systemd-sysusers', sysusers),
    ...file(tmpfiles),
    ...(plan.credentials.length === 0
      ? []
      : [linkFolder(credentials, new Map(plan.credentials.map((one) => [one.name, one.file])))]),
    ...file(places.dropIn),
    ...file(places.unit),
    write({ path: plan.config, text: plan.configText, mode: 'kept', ...changedLines(plan) }),
    command(host, 'systemd-tmpfiles', '--create', tmpfiles),
    // For a configuration in another place than the one that tmpfiles knows.
    command(host, 'chown', `root:${SERVICE_USER}`, plan.config),
    command(host, 'chmod', '0640', plan.config),
    ...(plan.stateDir === undefined ? [] : [stateDirectory(plan.stateDir, host)]),
    command(host, 'systemctl', 'daemon-reload'),
    command(host, 'systemctl', 'enable', UNIT),
  ];
}

/** Refuses to write over what somebody else has written or changed. */
export async function checkUnchanged(plan: ServicePlan): Promise<void> {
  for (const { path, text } of plan.files) {
    const present = await readIfThere(path);
    if (present === undefined || present === text || plan.before?.files[path] === digest(present)) continue;
    throw new Failure({
      what: `${path} is another than this command wrote`,
      next: 'Settings of your own belong into a drop-in (systemctl edit dc-agent). When they are there, replace the file:',
      command: 'dc-agent setup service --force',
    });
  }
}

/** Starts the service, or starts it anew when something that it depends on has changed. Resolves once it has said READY. */
export async function startService(plan: ServicePlan, files: Outcome, host: ServiceHost): Promise<Outcome> {
  const same = files === 'as it was' && plan.before?.startedWith === plan.runs;
  if (same && (await host.run(['systemctl', 'is-active', '--quiet', UNIT])).code === 0) return 'as it was';
  const { code, stderr } = await host.run(['systemctl', 'restart', UNIT]);
  if (code !== 0) throw await failedStart(stderr, host);
  const { record } = servicePlaces(host.root);
  await write({ path: record, text: renderRecord({ ...plan.record, startedWith: plan.runs }), mode: 0o600 }).apply();
  return 'changed';
}

async function failedStart(stderr: string, host: ServiceHost): Promise<Failure> {
  const shown = await host.run(['systemctl', 'show', UNIT, '--property=ExecMainStatus', '--value']);
  const said = await host.run(['journalctl', `--unit=${UNIT}`, '--lines=20', '--no-pager', '--output=cat']);
  const wrong = Number(shown.stdout) === EXIT.config;
  return new Failure({
    what: 'the service is installed, but does not start',
    details: [...lines(stderr).slice(0, 1), ...lines(said.stdout)],
    next: wrong
      ? 'systemd leaves it at that until the configuration is corrected. Then run the same command again, or take it all back:'
      : 'systemd tries again every 5 seconds. Correct what it says and run the same command again, or take it all back:',
    command: 'dc-agent setup service --undo',
    ...(wrong ? { exit: EXIT.config } : {}),
  });
}

/** Only the values that change, and none of them is a secret: they are names of files and of credentials. */
function changedLines({ credentials, before }: ServicePlan): { shows?: string } {
  const earlier = new Set(before?.credentials.map(({ name }) => name));
  const fresh = credentials.filter(({ name }) => !earlier.has(name));
  if (fresh.length === 0) return {};
  return { shows: fresh.map(({ was, name }) => `${was}  becomes  { credential = "${name}" }`).join('\n') };
}

/** Made when it is missing. One that is there and belongs to somebody else may hold another agent's ledger. */
function stateDirectory(path: string, host: ServiceHost): Step {
  const make = command(host, 'install', '-d', '-o', SERVICE_USER, '-g', SERVICE_USER, '-m', '0750', path);
  return {
    ...make,
    apply: async () => {
      const owner = await ownerOf(path);
      const { stdout } = await host.run(['id', '-u', SERVICE_USER]);
      if (owner === undefined || owner === Number(stdout)) return make.apply();
      throw new Failure({
        what: `the state directory ${path} belongs to another user than ${SERVICE_USER}`,
        next: 'If no other agent uses it, give it to the service, and run the same command again:',
        command: `chown -R ${SERVICE_USER}:${SERVICE_USER} ${path}`,
      });
    },
  };
}
