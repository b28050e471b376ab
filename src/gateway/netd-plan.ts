import { randomUUID } from 'node:crypto';
import type { ContractId } from '../ports/ids.ts';
import type { Request, WireRoute } from './netd-protocol.ts';
import type { Route } from './port.ts';

/** All routes that a request asks for, and the name that the plan gets. */
export interface Asked {
  readonly routes: readonly Route[];
  readonly state: string;
}

export interface PlanMemory {
  /** Undefined for a change to a plan that is not the latest. */
  ask(request: Extract<Request, { op: 'apply' | 'change' }>): Asked | undefined;
  /** What was asked for has been made: from now on it can be changed. */
  made(asked: Asked): void;
}

/**
 * Remembers the latest plan that was made, so that nobody has to send all of it for each change. Whoever asks in between, or a helper that was
 * started anew, makes a change of an older plan none: then the whole is asked for again.
 */
export function createPlanMemory(): PlanMemory {
  let latest: { readonly state: string; readonly routes: ReadonlyMap<ContractId, Route> } | undefined;
  return {
    ask(request) {
      if (request.op === 'apply') {
        latest = undefined;
        return named(request.routes.map(asRoute));
      }
      const before = latest;
      latest = undefined;
      if (before?.state !== request.state) return undefined;
      const routes = new Map(before.routes);
      for (const contract of request.gone) routes.delete(contract);
      for (const route of request.routes) routes.set(route.contract, asRoute(route));
      return named([...routes.values()]);
    },
    made({ routes, state }) {
      const byContract = new Map(routes.map((route) => [route.contract, route]));
      // Two routes of one contract are a conflict, which must not be forgotten.
      if (byContract.size === routes.length) latest = { state, routes: byContract };
    },
  };
}

function named(routes: readonly Route[]): Asked {
  return { routes, state: randomUUID() };
}

/** The same object for the same one: what follows from it is remembered too, and of thousands of routes few are new. */
const known = new WeakMap<WireRoute, Route>();

function asRoute(wire: WireRoute): Route {
  const before = known.get(wire);
  if (before !== undefined) return before;
  const { contract, firstPort, portCount, ipv4, ipv6, mac, sshPort, pace } = wire;
  const machine = { ipv4, sshPort, ...(ipv6 === undefined ? {} : { ipv6 }), ...(mac === undefined ? {} : { mac }) };
  const route = { contract, slug: '', firstPort, portCount, machine, ...(pace === undefined ? {} : { pace }) };
  known.set(wire, route);
  return route;
}
