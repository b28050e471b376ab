import type { ExternalId } from '../../ports/ids.ts';
import type { MachineOrder, OwnerStamp, Provisioner } from '../contract.ts';

export interface Kit {
  /** Names the suite. */
  readonly name: string;
  /** A fresh backend, or a fresh corner of one, for each test. */
  open(): Promise<Bench>;
  describe(name: string, body: () => void): unknown;
  test(name: string, body: (context: TestContext) => Promise<void>, timeoutMs?: number): unknown;
  readonly timeoutMs?: number;
  /** How many machines to make at once; less for a backend on which each is expensive. Default 25. */
  readonly parallel?: number;
}

export interface TestContext {
  skip(reason?: string): unknown;
}

/** What the kit needs of one backend, as plain functions. What is left out cannot be tested, and the test says so. */
export interface Bench {
  readonly provisioner: Provisioner;
  /** A valid order with a fresh contract and operation, stamped for the agent that the plugin was opened for. */
  order(overrides?: Partial<MachineOrder>): MachineOrder;
  /** How many machines with this agent and contract the backend really holds, in every state. Default: asks `list`. */
  count?(stamp: OwnerStamp): Promise<number>;
  /** False when the backend can only keep the contract id. */
  readonly stampHoldsOperation?: false;
  /** False when machines cannot be searched: one is known only by what `create` remembered of it. */
  readonly searchable?: false;
  /** The keys that open this machine, as `type base64`. */
  keys?(id: ExternalId): Promise<readonly string[]>;
  /** Whether this password opens the machine. */
  passwordOpens?(id: ExternalId, password: string): Promise<boolean>;
  /** Whether the recipe of this machine's order ran in it. */
  ranRecipe?(id: ExternalId): Promise<boolean>;
  /** Whatever the backend holds for this agent and may charge for: machines, disks, addresses, keys. */
  leftovers?(): Promise<readonly string[]>;
  readonly foreign?: {
    /** A machine without our stamp. */
    add(given: { name?: string }): Promise<ExternalId>;
    exists(id: ExternalId): Promise<boolean>;
  };
  readonly faults?: BenchFaults;
  /** Removes what the test left and closes the plugin. */
  cleanup(): Promise<void>;
}

/** Trouble that the bench can make. Those that last return the function that ends them. */
export interface BenchFaults {
  /** The next create is processed and its answer never arrives. */
  loseCreateAnswer?(): Promise<void>;
  /** The next create never reaches the backend. */
  loseCreateRequest?(): Promise<void>;
  /** The next create is refused by the backend. */
  refuseCreate?(): Promise<void>;
  /** The next create makes its machine and is answered with an error all the same. */
  denyCreate?(): Promise<void>;
  /** The next order to delete is accepted, and nothing happens. */
  ignoreDestroy?(): Promise<void>;
  /** The next list leaves some machines out and says so. */
  partialList?(): Promise<void>;
  /** The next list is empty and claims to be complete. */
  emptyList?(): Promise<void>;
  /** Nobody answers. */
  unreachable?(): Promise<() => Promise<void>>;
  /** Every call is answered with an error, as by a backend in trouble. */
  failing?(): Promise<() => Promise<void>>;
  /** Calls are taken and never answered. */
  silent?(): Promise<() => Promise<void>>;
  /** The nth call from now, 1 for the next, is processed and its answer never arrives. */
  loseAnswer?(nth: number): Promise<Ending>;
  /** After so many calls, 0 for at once, no further one gets through: what is left of a plugin that died there. */
  cutAfter?(calls: number): Promise<Ending>;
  /** After so many calls, 0 for at once, every further one is answered with "slow down". */
  throttleAfter?(calls: number): Promise<Ending>;
  loseMachine?(id: ExternalId): Promise<void>;
  powerOff?(id: ExternalId): Promise<void>;
  giveIdToStranger?(id: ExternalId): Promise<void>;
  /** Makes a second machine with the same stamp, as a request does that arrives late. */
  duplicate?(id: ExternalId): Promise<ExternalId>;
}

/** Ends the trouble, and says whether any call met it. */
export type Ending = () => Promise<'struck' | 'spared'>;

/** One sentence of the plugin contract, and how to see whether a plugin keeps it. */
export interface Rule {
  readonly says: string;
  /** Throws when it is broken, `NotOffered` when this bench cannot tell. */
  check(bench: Bench, kit: { readonly parallel: number }): Promise<void>;
}

/** What a rule needs and this bench or plugin does not have. */
export class NotOffered extends Error {
  constructor(what: string) {
    super(`this backend does not offer ${what}`);
  }
}

export function offered<T>(what: T | undefined, name: string): T {
  if (what === undefined) throw new NotOffered(name);
  return what;
}

/** An optional method, bound; its absence is a refusal that the contract allows. */
export function method<Name extends keyof Provisioner>(
  provisioner: Provisioner,
  name: Name,
): NonNullable<Provisioner[Name]> {
  const found = provisioner[name];
  if (typeof found !== 'function') throw new NotOffered(name);
  return found.bind(provisioner) as NonNullable<Provisioner[Name]>;
}
