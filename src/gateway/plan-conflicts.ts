import type { ContractId } from '../ports/ids.ts';
import type { Route } from './port.ts';

/** Routes of which another one wants the same port, address or name, and what; both sides of each conflict. */
export function conflicts(routes: readonly Route[]): Map<ContractId, string> {
  const found = new Map<ContractId, string>();
  const claim = (what: string, key: (route: Route) => string | undefined): void => {
    const first = new Map<string, Route>();
    for (const route of routes) {
      const value = key(route);
      if (value === undefined) continue;
      const other = first.get(value);
      if (other === undefined) first.set(value, route);
      else blame(found, other, route, `${what} ${value}`);
    }
  };
  claim('the contract', ({ contract }) => contract);
  claim('the address', ({ machine }) => machine.ipv4);
  claim('the card', ({ machine }) => machine.mac?.toLowerCase());
  claimPorts(found, routes);
  return found;
}

/** Of routes in the order of their ports, each is compared with the one that reaches furthest so far. */
function claimPorts(found: Map<ContractId, string>, routes: readonly Route[]): void {
  let furthest: Route | undefined;
  for (const route of [...routes].sort((a, b) => a.firstPort - b.firstPort)) {
    if (furthest !== undefined && route.firstPort <= lastPort(furthest)) {
      blame(found, furthest, route, `port ${route.firstPort}`);
    }
    if (furthest === undefined || lastPort(route) > lastPort(furthest)) furthest = route;
  }
}

function lastPort({ firstPort, portCount }: Route): number {
  return firstPort + portCount - 1;
}

function blame(found: Map<ContractId, string>, a: Route, b: Route, what: string): void {
  found.set(a.contract, `${what} is wanted by contract ${b.contract.slice(0, 12)} too`);
  found.set(b.contract, `${what} is wanted by contract ${a.contract.slice(0, 12)} too`);
}
