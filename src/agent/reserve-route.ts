import { freeAddress, type TakenAddress } from '../gateway/ipam.ts';
import { allocateRoute, type ContractRecord, type RouteData, routesOf } from '../lifecycle/index.ts';
import type { ContractId } from '../ports/ids.ts';
import type { AgentDeps } from './deps.ts';
import type { RouteLane } from './route-lane.ts';
import type { Target } from './target.ts';

/** What a new contract on a target is promised; `route` is absent where its machine will need none. */
export type Reservation = { readonly route?: RouteData } | { readonly refused: string };

/** Ports, and an address where the backend takes one, before anything is made: a machine that nobody can reach is none. */
export function reserveRoute(
  contract: ContractId,
  target: Target,
  deps: AgentDeps,
  lane: RouteLane | undefined,
): Reservation {
  const { clock, gateway, ledger, random } = deps;
  const { capabilities } = target.provisioner;
  if (gateway === undefined || !gateway.serves(target.name)) return {};
  if (gateway.policy === 'required' && lane?.problem !== undefined)
    return { refused: `the gateway does not work: ${lane.problem}` };
  const now = clock.now();
  const route = allocateRoute(contract, ledger.records.values(), { range: gateway.range, random, now });
  if (route === undefined) return { refused: 'no free ports for another machine' };
  const { ipv4: _earlier, ...ports } = route;
  if (gateway.network === undefined || capabilities.address === undefined) return { route: ports };
  const address = freeAddress(gateway.network, takenAddresses(ledger.records.values()), now);
  if (address === undefined) return { refused: 'no free address for another machine' };
  return { route: { ...ports, ipv4: address.ipv4 } };
}

/** Every address that a contract has or had. */
export function* takenAddresses(records: Iterable<ContractRecord>): Iterable<TakenAddress> {
  for (const record of records) {
    for (const { route, ipv4: told, closedAt } of routesOf(record)) {
      for (const ipv4 of new Set([route?.ipv4, told])) {
        if (ipv4 !== undefined && IPV4.test(ipv4))
          yield { ipv4, ...(closedAt === undefined ? {} : { freedAt: closedAt }) };
      }
    }
  }
}

const IPV4 = /^\d{1,3}(\.\d{1,3}){3}$/;
