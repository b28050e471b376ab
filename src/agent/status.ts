import { owedReports, phaseOf } from '../lifecycle/index.ts';
import type { Finding } from '../provisioner/contract.ts';
import type { AgentStatusDocument, ContractStatus, TargetStatus } from '../telemetry/status.ts';
import type { Agent } from './agent.ts';
import { sshEndpoint } from './route-lane.ts';
import { routeFindings, routeStatus } from './route-status.ts';
import type { Target } from './target.ts';
import type { Worker } from './worker.ts';

/** What the agent says about itself. Cheap: it reads what is in memory. */
export function statusDocument(agent: Agent, pid: number): AgentStatusDocument {
  const { deps, sightings } = agent;
  const skew = deps.clockSkewMs?.();
  return {
    version: deps.settings.version,
    pid,
    startedAt: agent.startedAt,
    agent: deps.agent,
    endpoint: deps.settings.endpoint,
    stateDir: deps.settings.stateDir,
    phase: agent.phase,
    platform: { ...agent.platform, ...(skew === undefined ? {} : { clockSkewMs: skew }) },
    targets: agent.targets.map((target) => targetStatus(agent, target)),
    contracts: [...agent.workers.values()].map((worker) => contractStatus(agent, worker)),
    declined: [...agent.declined].map(([contract, reason]) => ({ contract, reason })),
    breaker: { state: sightings.held.length === 0 ? 'closed' : 'open', held: sightings.held },
    findings: findings(agent),
  };
}

function targetStatus(agent: Agent, target: Target): TargetStatus {
  const { problem } = target;
  const machines = [...agent.workers.values()].filter(
    (worker) => worker.target === target && worker.record.machine === 'made',
  );
  return {
    name: target.name,
    type: target.type,
    state: problem !== undefined ? 'failing' : target.inventory === undefined ? 'unknown' : 'ok',
    machines: machines.length,
    busy: target.creating.busy,
    ...(Number.isFinite(target.creating.limit) ? { limit: target.creating.limit } : {}),
    ...(problem === undefined ? {} : { problem }),
    ...(target.provisioner.capabilities.simulated ? { simulated: true as const } : {}),
  };
}

function contractStatus(agent: Agent, worker: Worker): ContractStatus {
  const health = agent.health.viewOf(worker.contract);
  const { record, state } = worker;
  const traffic = agent.traffic.of(record.contract);
  const ssh = sshEndpoint(record, agent.deps);
  const problem = Object.values(record.tries).at(-1)?.text;
  return {
    contract: record.contract,
    target: record.target,
    phase: phaseOf(record),
    since: record.goalSince,
    owed: owedReports(record),
    ...(state.doing === undefined ? {} : { doing: state.doing }),
    ...(state.waitingFor === undefined ? {} : { waitingFor: state.waitingFor }),
    ...(record.instance === undefined ? {} : { externalId: record.instance.externalId }),
    ...(ssh === undefined ? {} : { ssh }),
    ...routeStatus(agent, record),
    ...(traffic === undefined ? {} : { traffic: { in: traffic.in, out: traffic.out } }),
    ...(record.endsAt === undefined ? {} : { endsAt: record.endsAt }),
    ...(health === undefined ? {} : { health }),
    ...(problem === undefined ? {} : { problem }),
    ...(worker.target.provisioner.capabilities.simulated ? { simulated: true as const } : {}),
  };
}

function findings(agent: Agent): Finding[] {
  const { ledger } = agent.deps;
  const found: Finding[] = [];
  const add = (level: Finding['level'], code: string, title: string, remedy: string): void => {
    found.push({ level, code, title, remedy });
  };
  if (ledger.writeProblem !== undefined) {
    add(
      'fail',
      'ledger.unwritable',
      `The ledger cannot be written: ${ledger.writeProblem}`,
      'Free disk space or repair the file system; no step is taken until then.',
    );
  }
  if (agent.deps.uptime.problem !== undefined) {
    add(
      'warn',
      'uptime.unwritable',
      `The uptime log cannot be written: ${agent.deps.uptime.problem}`,
      'Free disk space or repair the file system; what is seen until then is not in the log.',
    );
  }
  for (const problem of ledger.problems)
    add(
      'warn',
      'ledger.damaged',
      problem,
      'Keep a copy of the state directory, and compare the machines on the backends with what the platform shows.',
    );
  for (const [contract, why] of ledger.quarantined) {
    add(
      'fail',
      'ledger.quarantined',
      `Contract ${contract} is left alone: ${why}`,
      'Compare its machine with the platform by hand; the agent does nothing about this contract.',
    );
  }
  found.push(...routeFindings(agent));
  if (agent.sightings.held.length > 0) {
    add(
      'fail',
      'breaker.open',
      `The platform wants ${agent.sightings.held.length} machines ended at once; they are kept for now`,
      'If that is right: dc-agent approve. If not: ask the platform.',
    );
  }
  for (const contract of agent.sightings.unknown.keys()) {
    add(
      'warn',
      'contract.unknown',
      `The platform does not know contract ${contract}; its machine is kept`,
      'Check that the agent talks to the right platform with the right key.',
    );
  }
  if (agent.access.unlistable !== undefined) {
    add(
      'warn',
      'access.unlistable',
      `Tenants wait for new passwords, but the platform cannot say which: ${agent.access.unlistable}`,
      'Ask the tenants, or the platform; dc-agent reset-password serves one contract.',
    );
  }
  for (const [contract, problem] of agent.access.problems) {
    add(
      'warn',
      'access.unserved',
      `The tenant of contract ${contract} asked for new access that cannot be given: ${problem}`,
      'Tell the tenant; the platform has no report for this.',
    );
  }
  for (const worker of agent.workers.values()) {
    if (worker.power === 'absent' && worker.record.goal === 'keep') {
      add(
        'fail',
        'machine.missing',
        `The machine of contract ${worker.contract} is not on target ${worker.target.name} any more`,
        'Restore it from a backup under the same id, or end the contract.',
      );
    }
    if (worker.doubt !== undefined) {
      const { address, found, holder } = worker.doubt;
      const there = {
        nobody: 'where nobody answers',
        another: holder === undefined ? 'where another one answers' : `where that of contract ${holder} is`,
      }[found];
      add(
        'warn',
        'machine.address-claimed',
        `Target ${worker.target.name} shows the machine of contract ${worker.contract} at ${address}, ${there}`,
        'Its route stays as it was. If its tenant did not have it say so, look at who hands out addresses there.',
      );
    }
    if (worker.record.goal === 'stop' && !worker.target.can.stop) {
      add(
        'warn',
        'pause.unsupported',
        `Contract ${worker.contract} is paused, but target ${worker.target.name} cannot stop a machine`,
        'Its machine keeps running.',
      );
    }
  }
  for (const target of agent.targets) {
    for (const instance of [...target.seen.values()].flat()) {
      if (ledger.records.has(instance.stamp.contract)) continue;
      add(
        'warn',
        'machine.orphan',
        `Machine ${instance.externalId} on target ${target.name} carries our stamp, but the ledger does not know it`,
        'It is left alone. Remove it by hand if nobody needs it.',
      );
    }
  }
  return found;
}
