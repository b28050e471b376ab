import type { ContractId } from '../ports/ids.ts';
import type { NetdClient } from './netd-client.ts';
import { type AppliedAnswer, REMEMBERED, routeReader, type WireRoute, wireRoute } from './netd-protocol.ts';
import type { Applied, Route } from './port.ts';

/**
 * Asks the helper for exactly these routes. Where its last answer still holds, and little differs, it is told what differs: nothing of what
 * 2,000 machines are is then sent and looked at again for one that comes. A pass without a change says all of it, so both always know the same.
 */
export function createApply(helper: NetdClient): (routes: readonly Route[], signal: AbortSignal) => Promise<Applied> {
  const read = rememberedReader();
  let latest: { readonly state: string; readonly routes: ReadonlyMap<ContractId, WireRoute> } | undefined;

  async function changeOnly(sound: readonly WireRoute[], signal: AbortSignal): Promise<AppliedAnswer | undefined> {
    const before = latest;
    latest = undefined;
    if (before === undefined) return undefined;
    const change = difference(before.routes, sound);
    if (change === undefined) return undefined;
    return (await helper.ask({ op: 'change', state: before.state, ...change }, signal)).applied;
  }

  return async (routes, signal) => {
    const refused = new Map<ContractId, string>();
    const sound: WireRoute[] = [];
    for (const route of routes) {
      const found = read(route);
      if (!('why' in found)) sound.push(found);
      // The helper would refuse the whole request for it.
      else refused.set(route.contract, `it is no route: ${found.why}`);
    }
    const answer = (await changeOnly(sound, signal)) ?? (await helper.ask({ op: 'apply', routes: sound }, signal));
    const { state, repaired } = answer;
    if (state !== undefined) latest = { state, routes: new Map(sound.map((route) => [route.contract, route])) };
    for (const { contract, why } of answer.refused) refused.set(contract, why);
    return { repaired, refused, missing: new Map() };
  };
}

/** Undefined where nothing differs, or so much that all may as well be said. */
function difference(
  before: ReadonlyMap<ContractId, WireRoute>,
  now: readonly WireRoute[],
): { readonly gone: ContractId[]; readonly routes: WireRoute[] } | undefined {
  // Who read them gives the same object for the same route.
  const routes = now.filter((route) => before.get(route.contract) !== route);
  const left = new Set(before.keys());
  for (const { contract } of now) left.delete(contract);
  const size = routes.length + left.size;
  return size === 0 || size > now.length / 4 ? undefined : { gone: [...left], routes };
}

/** Routes as the helper is told of them; the same object as long as nothing of it differs. */
function rememberedReader(): (route: Route) => ReturnType<ReturnType<typeof routeReader>> {
  const readRoute = routeReader();
  let known = new Map<ContractId, { readonly route: Route; readonly wire: WireRoute }>();
  let older = known;
  return (route) => {
    const before = known.get(route.contract) ?? older.get(route.contract);
    const wire = before !== undefined && isSame(before.route, route) ? before.wire : readRoute(wireRoute(route));
    if ('why' in wire) return wire;
    if (known.size >= REMEMBERED) {
      older = known;
      known = new Map();
    }
    known.set(route.contract, { route, wire });
    return wire;
  };
}

/** In everything that the helper is told. */
function isSame(a: Route, b: Route): boolean {
  return (
    a.firstPort === b.firstPort &&
    a.portCount === b.portCount &&
    a.pace === b.pace &&
    a.machine.ipv4 === b.machine.ipv4 &&
    a.machine.ipv6 === b.machine.ipv6 &&
    a.machine.mac === b.machine.mac &&
    a.machine.sshPort === b.machine.sshPort
  );
}
