import type { Route } from '../gateway/port.ts';
import type { ContractId } from '../ports/ids.ts';
import type { Random } from '../ports/random.ts';
import type { ContractRecord, InstanceData, RouteData } from './record.ts';

/** Ports that machines get, each a block of `perMachine` in a row. */
export interface PortRange {
  readonly first: number;
  /** Inclusive. */
  readonly last: number;
  readonly perMachine: number;
}

export interface Allocator {
  readonly range: PortRange;
  readonly random: Random;
  readonly now: number;
}

/** Connections, caches and bookmarks of the last tenant have to be gone before the next one gets a port. */
const QUARANTINE_MS = 3_600_000;

/**
 * The route of a new contract: the lowest block of ports that no open contract has, and none had within the last hour, and a slug
 * that nobody had. A contract that comes back gets the one that it had before. Undefined when no block is free.
 */
export function allocateRoute(
  contract: ContractId,
  records: Iterable<ContractRecord>,
  { range, random, now }: Allocator,
): RouteData | undefined {
  const slugs = new Set<string>();
  const taken = new Set<number>();
  let own: RouteData | undefined;
  for (const record of records) {
    for (const had of routesOf(record)) {
      if (had.route === undefined) continue;
      // The platform wants slugs unique over all contracts that it ever had.
      slugs.add(had.route.slug);
      if (record.contract !== contract && isReserved(had, now)) for (const port of portsOf(had.route)) taken.add(port);
    }
    if (record.contract === contract) own = record.route;
  }
  if (own?.portCount === range.perMachine && isFree(own.firstPort, range, taken)) return own;
  for (let first = range.first; first <= range.last; first += range.perMachine) {
    if (isFree(first, range, taken))
      return { slug: newSlug(random, slugs), firstPort: first, portCount: range.perMachine };
  }
  return undefined;
}

/** Whether nobody else may have the record's ports. With a clock that went back, the quarantine lasts longer. */
export function isReserved({ closedAt }: Pick<Had, 'closedAt'>, now: number): boolean {
  return closedAt === undefined || now - closedAt < QUARANTINE_MS;
}

/** What a contract has, and what it had the times before and nobody else may have yet. */
export function routesOf({ closedAt, formerRoutes = [], instance, route }: ContractRecord): readonly Had[] {
  const { ipv4 } = instance ?? {};
  return [{ route, ipv4, closedAt }, ...formerRoutes];
}

interface Had {
  readonly route?: RouteData | undefined;
  readonly ipv4?: string | undefined;
  readonly closedAt?: number | undefined;
}

/** Every port of a block: after a change of `ports_per_vm` blocks are of several sizes, and need not begin where others do. */
function* portsOf({ firstPort, portCount }: RouteData): Iterable<number> {
  for (let port = firstPort; port < firstPort + portCount; port++) yield port;
}

function isFree(first: number, { perMachine, ...range }: PortRange, taken: ReadonlySet<number>): boolean {
  if (first < range.first || first + perMachine - 1 > range.last) return false;
  for (let port = first; port < first + perMachine; port++) if (taken.has(port)) return false;
  return true;
}

const SLUG_LENGTH = 6;
const LETTERS = 'abcdefghijklmnopqrstuvwxyz0123456789';

function newSlug(random: Random, known: ReadonlySet<string>): string {
  for (;;) {
    const slug = Array.from({ length: SLUG_LENGTH }, () => LETTERS[Math.floor(random.float() * LETTERS.length)]).join(
      '',
    );
    if (!known.has(slug)) return slug;
  }
}

/**
 * Whether outsiders need this host to reach a machine: its only address is private, and that is where its SSH server is. A machine
 * with a public address does not, nor one whose ports its backend publishes elsewhere.
 */
export function isBehindHost(instance: InstanceData | undefined): boolean {
  const address = addressOf(instance);
  return address !== undefined && instance?.publicIp === undefined && PRIVATE.test(address);
}

/** 10/8, 172.16/12, 192.168/16, and 100.64/10, which is as private. */
const PRIVATE = /^(10|192\.168|172\.(1[6-9]|2\d|3[01])|100\.(6[4-9]|[7-9]\d|1[01]\d|12[0-7]))(\.\d{1,3}){2,3}$/;

/** Where the machine's SSH server is. */
export function addressOf(instance: InstanceData | undefined): string | undefined {
  return instance?.ssh?.host ?? instance?.ipv4;
}

/** The route that a record asks for, open or not; undefined while there is no machine to lead to. */
export function routeOf({ contract, route, instance, machine, order }: ContractRecord): Route | undefined {
  if (route === undefined || instance === undefined || machine !== 'made' || !isBehindHost(instance)) return undefined;
  const { slug, firstPort, portCount } = route;
  const address = route.ipv4 ?? addressOf(instance);
  if (address === undefined) return undefined;
  return {
    contract,
    slug,
    firstPort,
    portCount,
    ...(order.web === undefined ? {} : { web: order.web }),
    machine: {
      ipv4: address,
      sshPort: instance.ssh?.port ?? 22,
      ...(instance.ipv6 === undefined ? {} : { ipv6: instance.ipv6 }),
      ...(instance.mac === undefined ? {} : { mac: instance.mac }),
    },
  };
}

/** Every route that should be open, and why another one may not be although its contract asks for it. */
export interface OpenRoutes {
  readonly routes: readonly Route[];
  readonly withheld: ReadonlyMap<ContractId, string>;
}

/**
 * The routes of all contracts that should be open at this moment. `isAbsent` says that a machine is known not to be there: its
 * address may be another's by now. Where two contracts lay claim to one address, the one that had it first keeps it.
 */
export function openRoutes(
  records: Iterable<ContractRecord>,
  isAbsent: (record: ContractRecord) => boolean,
): OpenRoutes {
  const byAddress = new Map<string, Route>();
  const withheld = new Map<ContractId, string>();
  for (const record of [...records].sort(byClaim)) {
    const route = wanted(record);
    if (route === undefined) continue;
    const other = byAddress.get(route.machine.ipv4);
    const why = isAbsent(record) ? 'its machine is not there' : taken(other);
    if (why === undefined) byAddress.set(route.machine.ipv4, route);
    if (why !== undefined) withheld.set(record.contract, why);
  }
  return { routes: [...byAddress.values()], withheld };
}

function taken(other: Route | undefined): string | undefined {
  return other === undefined ? undefined : `its machine has the address of contract ${other.contract}`;
}

/** By how well an address is known to be theirs; of those that are alike, who came first. */
function byClaim(one: ContractRecord, other: ContractRecord): number {
  return certainty(other) - certainty(one) || one.admittedAt - other.admittedAt;
}

/**
 * What is open was proved. A machine that is being made has its address from whoever gives them out; one that was handed over and is
 * said to have moved may only say so, to be in the way of whoever gets that address next.
 */
function certainty({ delivered, routeState }: ContractRecord): number {
  if (routeState === 'open') return 2;
  return delivered ? 0 : 1;
}

function wanted(record: ContractRecord): Route | undefined {
  if (record.closedAt !== undefined) return undefined;
  return record.routeState === 'opening' || record.routeState === 'open' ? routeOf(record) : undefined;
}
