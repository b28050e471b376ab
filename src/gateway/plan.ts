import type { ContractId } from '../ports/ids.ts';
import { conflicts } from './plan-conflicts.ts';
import { objection, usableIpv6 } from './plan-limits.ts';
import type { NetworkSettings } from './plan-settings.ts';
import type { Route } from './port.ts';

/** What a machine gets of the kernel. */
export interface PlannedMachine {
  readonly contract: ContractId;
  readonly ipv4: string;
  readonly ipv6?: string;
  readonly mac?: string;
  readonly firstPort: number;
  readonly portCount: number;
  readonly sshPort: number;
  readonly pace?: 'slow';
}

/** What the kernel is to have, for every machine; the same routes in another order are the same plan. */
export interface Plan {
  readonly machines: ReadonlyMap<ContractId, PlannedMachine>;
  /** Left out, each with the reason. */
  readonly refused: ReadonlyMap<ContractId, string>;
}

/**
 * Routes within the limits become a plan; the others are refused one by one. Of routes that want the same port or address all are
 * refused: nobody here can know whose it is, and the wrong guess shows one tenant's machine to another's visitors.
 */
export function planRoutes(settings: NetworkSettings, routes: readonly Route[]): Plan {
  const refused = new Map<ContractId, string>();
  const sound = routes.filter((route) => {
    const why = objection(settings, route);
    if (why !== undefined) refused.set(route.contract, why);
    return why === undefined;
  });
  for (const [contract, why] of conflicts(sound)) refused.set(contract, why);
  const open = sound.filter(({ contract }) => !refused.has(contract));
  const ipv6 = usableIpv6(settings, open);
  const machines = open.map((route) => plannedMachine(route, ipv6, settings));
  return { machines: new Map(machines.map((machine) => [machine.contract, machine])), refused };
}

function plannedMachine(route: Route, usable: ReadonlySet<string>, { throttleMbit }: NetworkSettings): PlannedMachine {
  const { contract, firstPort, portCount, pace } = route;
  const { ipv4, ipv6, mac, sshPort } = route.machine;
  return {
    contract,
    firstPort,
    portCount,
    sshPort,
    ipv4,
    ...(ipv6 === undefined || !usable.has(ipv6) ? {} : { ipv6 }),
    ...(mac === undefined ? {} : { mac: mac.toLowerCase() }),
    // Where nobody has said how slow that is, the port stays open all the same.
    ...(pace === undefined || throttleMbit === undefined ? {} : { pace }),
  };
}

export function sameMachine(a: PlannedMachine, b: PlannedMachine | undefined): boolean {
  return (
    b !== undefined &&
    a.contract === b.contract &&
    a.firstPort === b.firstPort &&
    a.portCount === b.portCount &&
    a.sshPort === b.sshPort &&
    a.ipv4 === b.ipv4 &&
    a.ipv6 === b.ipv6 &&
    a.mac === b.mac &&
    a.pace === b.pace
  );
}
