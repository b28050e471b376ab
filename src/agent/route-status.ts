import { type ContractRecord, routeOf } from '../lifecycle/index.ts';
import type { ContractId } from '../ports/ids.ts';
import type { Finding } from '../provisioner/contract.ts';
import type { ContractStatus } from '../telemetry/status.ts';
import type { Agent } from './agent.ts';

/** How a contract's ports stand; nothing where it has none. */
export function routeStatus(agent: Agent, record: ContractRecord): Pick<ContractStatus, 'route'> {
  const { gateway } = agent.deps;
  const { contract, route, routeState } = record;
  if (gateway === undefined || route === undefined) return {};
  const made = agent.routes?.made;
  const problem = made?.withheld.get(contract) ?? made?.missing.get(contract);
  const full = routeOf(record);
  const name = full === undefined ? undefined : gateway.port.nameOf(full);
  return {
    route: {
      publicIp: gateway.port.publicIp,
      firstPort: route.firstPort,
      lastPort: route.firstPort + route.portCount - 1,
      state: routeState ?? 'closed',
      ...(name === undefined ? {} : { name }),
      ...(problem === undefined ? {} : { problem }),
    },
  };
}

/** What an operator has to know of routes, ports and traffic. */
export function routeFindings({ deps, routes, traffic }: Agent): Finding[] {
  const found: Finding[] = [];
  const open = [...deps.ledger.records.values()].filter(
    ({ closedAt, routeState }) => closedAt === undefined && routeState !== undefined,
  );
  if (deps.gateway === undefined && open.length > 0) {
    found.push({
      level: 'fail',
      code: 'gateway.gone',
      title: `${open.length} machines have ports at this host, but there is no [gateway] in the configuration any more`,
      remedy: 'Put the table back, so that ports are closed before their machines go; or undo the gateway’s set-up.',
    });
  }
  if (routes?.problem !== undefined) {
    found.push({
      level: 'fail',
      code: 'gateway.failing',
      title: `Routes cannot be made or repaired: ${routes.problem}`,
      remedy:
        'dc-agent doctor says more. Ports that are open stay open; machines whose ports cannot be closed are not removed.',
    });
  }
  for (const [contract, why] of routes?.made?.withheld ?? []) {
    found.push({
      level: 'fail',
      code: 'route.withheld',
      title: `The ports of contract ${contract} are closed: ${why}`,
      remedy: 'Look at the addresses of both machines on their backend.',
    });
  }
  found.push(...missingFindings(routes?.made?.missing ?? new Map()));
  for (const contract of traffic.over) {
    found.push({
      level: 'warn',
      code: 'traffic.allowance',
      title:
        deps.gateway?.allowanceAction === 'throttle'
          ? `The machine of contract ${contract} is over its monthly allowance, and slowed down until the month is over`
          : `The machine of contract ${contract} is over its monthly allowance`,
      remedy: `dc-agent traffic ${contract.slice(0, 12)} shows how much it moves.`,
    });
  }
  return found;
}

/** What is wrong with the web server is wrong for many at once: each reason is told once. */
function missingFindings(missing: ReadonlyMap<ContractId, string>): Finding[] {
  const byReason = new Map<string, ContractId[]>();
  for (const [contract, why] of missing) byReason.set(why, [...(byReason.get(why) ?? []), contract]);
  return [...byReason].map(([why, contracts]) => ({
    level: 'warn',
    code: 'route.missing',
    title: `${named(contracts)} lacks a name or HTTPS: ${why}`,
    remedy: 'Ports work all the same. docs/gateway.md says what each reason means.',
  }));
}

function named([first, ...others]: readonly ContractId[]): string {
  const contract = `Contract ${first?.slice(0, 12)}`;
  return others.length === 0 ? contract : `${contract}, as ${others.length} more,`;
}
