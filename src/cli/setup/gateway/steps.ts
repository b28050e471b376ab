import { Failure } from '../../failure.ts';
import { lines, type ServiceHost, UNIT } from '../service/host.ts';
import { command, digest, type Outcome, ownerOf, readIfThere, remove, type Step, write } from '../service/steps.ts';
import { withoutGateway } from './config-table.ts';
import type { GatewayPlan } from './plan.ts';
import { type GatewayRecord, gatewayPlaces, renderGatewayRecord } from './record.ts';

/** Up to where nothing is told to anybody outside this host. The record is written first, so that a process that dies can be undone. */
export function prepareSteps(plan: GatewayPlan, host: ServiceHost): Step[] {
  const places = gatewayPlaces(host.root);
  return [
    write({ path: places.record, text: renderGatewayRecord(plan.record), mode: 0o600 }),
    ...(plan.packages.length === 0 ? [] : [install(plan.packages, host)]),
    // Debian's package starts a Caddy of its own, with a page that greets.
    ...(plan.packages.includes('caddy') ? [command(host, 'systemctl', 'disable', '--now', 'caddy.service')] : []),
    ...plan.files.map(write),
    switchForwardingOn(host),
    command(host, 'systemctl', 'daemon-reload'),
  ];
}

/** From here on it is so. */
export function finishSteps(plan: GatewayPlan, host: ServiceHost): Step[] {
  return [
    write({ path: plan.config, text: plan.configText, mode: 'kept', shows: plan.record.config.added.trim() }),
    command(host, 'systemctl', 'enable', ...plan.units),
    command(host, 'systemctl', 'restart', ...plan.units),
    restartAgent(host),
  ];
}

/** Not where it is on: a host may have its own way to that, which need not be this one. */
function switchForwardingOn(host: ServiceHost): Step {
  const { sysctl, forwarding } = gatewayPlaces(host.root);
  const load = command(host, 'sysctl', '--load', sysctl);
  return {
    ...load,
    apply: async () => ((await readIfThere(forwarding))?.trim() === '1' ? 'as it was' : load.apply()),
  };
}

function install(packages: readonly string[], host: ServiceHost): Step {
  const apt = ['apt-get', '-o', 'DPkg::Lock::Timeout=300', 'install', '-y', '--no-install-recommends', ...packages];
  return {
    says: `run ${apt.join(' ')}`,
    async apply() {
      const { code, stderr } = await host.run(apt);
      if (code === 0) return 'changed';
      throw new Failure({
        what: `the packages ${packages.join(', ')} could not be installed`,
        details: stderr
          .split('\n')
          .filter((line) => line !== '')
          .slice(-5),
        next: 'Install them by hand, then run the command again. On a system without apt, under their names there.',
        command: `apt-get update && apt-get install ${packages.join(' ')}`,
      });
    },
  };
}

/** An agent that is not set up as a service yet finds the gateway when it is started. */
function restartAgent(host: ServiceHost): Step {
  return {
    says: `run systemctl try-restart ${UNIT}`,
    async apply(): Promise<Outcome> {
      const { code, stderr } = await host.run(['systemctl', 'try-restart', UNIT]);
      // Without the unit there is no agent to tell.
      if (code === 0 || /not (be )?found|not loaded/.test(stderr)) return 'as it was';
      throw new Failure({
        what: `${UNIT} could not be started anew`,
        details: lines(stderr),
        next: 'Everything else is done. See what keeps it:',
        command: 'journalctl -u dc-agent',
      });
    },
  };
}

export interface GatewayUndo {
  readonly steps: readonly Step[];
  /** What stays, and why. */
  readonly kept: readonly string[];
}

/** Takes back exactly what the record says. Packages and the account for certificates stay. */
export async function planGatewayUndo(record: GatewayRecord, table: string, host: ServiceHost): Promise<GatewayUndo> {
  const places = gatewayPlaces(host.root);
  const kept: string[] = [];
  const removals: Step[] = [];
  for (const [path, written] of Object.entries(record.files)) {
    const present = await readIfThere(path);
    if (present === undefined) continue;
    if (digest(present) === written)
      removals.push(remove(path, /\.d\//.test(path) ? 'and empty folder' : 'keep folder'));
    else kept.push(`${path} was changed since`);
  }
  const units = ['dc-agent-caddy.service', 'dc-agent-netd.service', 'dc-agent-netd.socket'].filter((unit) =>
    Object.keys(record.files).some((path) => path.endsWith(`/${unit}`)),
  );
  const text = await readIfThere(record.config.file);
  const without = text === undefined ? undefined : withoutGateway(text, record.config.added);
  if (without === undefined) kept.push(`[gateway] in ${record.config.file} was changed since: take it out by hand`);
  if (record.packages.length > 0) kept.push(`packages: ${record.packages.join(', ')}`);
  if (record.packages.includes('caddy')) kept.push('caddy.service, which the package brought, stays disabled');
  for (const place of [places.acmeDns, places.caddyState]) {
    // Both are asked for by number and date: who begins again must not ask for new ones.
    if ((await ownerOf(place)) !== undefined) kept.push(`${place}, with what proves the names; remove it by hand`);
  }
  if (record.forwarding === 'was-off')
    kept.push('forwarding stays on until the next boot: other programs may need it by now');
  return {
    kept,
    steps: [
      ...(without === undefined
        ? []
        : [
            write({
              path: record.config.file,
              text: without,
              mode: 'kept',
              shows: 'without what was put into [gateway]',
            }),
          ]),
      restartAgent(host),
      ...(units.length === 0 ? [] : [command(host, 'systemctl', 'disable', '--now', ...units)]),
      // The ports, and the walls between neighbours on one bridge.
      deleteTable('inet', table, host),
      deleteTable('bridge', table, host),
      ...removals,
      command(host, 'systemctl', 'daemon-reload'),
      remove(places.record, 'keep folder'),
    ],
  };
}

/** One that is not there is as good as one that is gone. */
function deleteTable(family: 'inet' | 'bridge', table: string, host: ServiceHost): Step {
  return {
    says: `run nft delete table ${family} ${table}`,
    async apply(): Promise<Outcome> {
      const { code, stderr } = await host.run(['nft', 'delete', 'table', family, table]);
      if (code === 0) return 'changed';
      if (/No such file or directory/.test(stderr)) return 'as it was';
      throw new Failure({
        what: `the table ${family} ${table} could not be deleted`,
        details: lines(stderr),
        next: 'Ports may be open still. Put it right and run the command again.',
      });
    },
  };
}
