import { GatewayError, type Proof, type Route } from '../gateway/port.ts';
import { type ContractEvent, routeOf, type Step } from '../lifecycle/index.ts';
import { sleep } from '../ports/clock.ts';
import { shownKeyOf } from './machine-keys.ts';
import type { StepContext } from './steps.ts';

type RouteStep = Extract<Step, 'open-route' | 'close-route' | 'publish-name' | 'withdraw-name'>;

const PROVE_AGAIN_MS = 2_000;
/** Longer than most machines take to boot; after that it is another attempt, with its own back-off. */
const PROVE_WITHIN_MS = 120_000;

/** The steps that give a machine its way to the outside, and take it away. */
export const ROUTE_STEPS: Record<RouteStep, (context: StepContext) => Promise<ContractEvent[]>> = {
  async 'open-route'(context) {
    const { record, routes, signal } = context;
    const route = routeOf(record);
    if (route === undefined)
      return [
        { type: 'done', step: 'open-route' },
        { type: 'unrouted', why: 'the machine is reached without this host' },
      ];
    const { withheld } = await lane(routes).settle(signal);
    const why = withheld.get(record.contract);
    if (why !== undefined) return [{ type: 'failed', step: 'open-route', kind: 'config', text: why }];
    const proof = await prove(pinned(route, context), context);
    if (proof.ok) return [{ type: 'done', step: 'open-route' }];
    return [{ type: 'failed', step: 'open-route', kind: 'retry', text: proof.why }];
  },

  async 'close-route'({ routes, signal }) {
    await lane(routes).settle(signal);
    return [{ type: 'done', step: 'close-route' }];
  },

  async 'publish-name'({ deps, record, signal }) {
    const { gateway } = deps;
    if (gateway === undefined || record.route === undefined) throw new Error('publish-name without a route');
    const { publicIp } = gateway.port;
    const { slug } = record.route;
    const answer = await deps.platform.createDns({ slug, dcId: gateway.dcId, publicIp }, signal);
    // Slugs are random: a record that is there is the one of an earlier attempt, whose answer was lost.
    const note = answer.outcome === 'exists' ? { note: 'an earlier request had arrived' } : {};
    return [{ type: 'done', step: 'publish-name', publicIp, ...note }];
  },

  async 'withdraw-name'({ deps, record, signal }) {
    const { gateway } = deps;
    if (gateway === undefined || record.route === undefined) throw new Error('withdraw-name without a route');
    await deps.platform.deleteDns({ slug: record.route.slug, dcId: gateway.dcId }, signal);
    return [{ type: 'done', step: 'withdraw-name' }];
  },
};

function lane(routes: StepContext['routes']): NonNullable<StepContext['routes']> {
  if (routes === undefined) throw new GatewayError('config', 'there is no [gateway] in the configuration any more');
  return routes;
}

/**
 * With the host key that the machine must show, where that is known. One that was handed over comes here because it is said to have
 * moved, which may be a lie of the guest's: who shows another key there than at the handing over may be a neighbour.
 */
function pinned(route: Route, { deps, record, target }: StepContext): Route {
  const hostKey = shownKeyOf(deps.vault, record, target.provisioner.capabilities);
  return hostKey === undefined ? route : { ...route, machine: { ...route.machine, hostKey } };
}

/** The machine may still be booting, so a proof that fails is tried again for a while. */
async function prove(route: Route, { deps, signal }: StepContext): Promise<Proof> {
  const { clock, gateway } = deps;
  if (gateway === undefined) return { ok: false, why: 'there is no gateway' };
  const end = clock.monotonic() + PROVE_WITHIN_MS;
  for (;;) {
    const proof = await gateway.port.prove(route, signal);
    if (proof.ok || clock.monotonic() >= end) return proof;
    await sleep(clock, PROVE_AGAIN_MS, signal);
  }
}
