import { staticAddress } from '../gateway/ipam.ts';
import type { ContractRecord } from '../lifecycle/index.ts';
import { admit, type Demand } from '../lifecycle/index.ts';
import type { Clock } from '../ports/clock.ts';
import { type ContractId, type ExternalId, machineName, type OperationId } from '../ports/ids.ts';
import type { Log } from '../ports/log.ts';
import type {
  Capabilities,
  Instance,
  Inventory,
  Listing,
  MachineOrder,
  OwnedRef,
  PowerState,
  Provisioner,
  StaticAddress,
} from '../provisioner/contract.ts';
import { withDeadline } from './deadline.ts';
import type { AgentDeps, TargetDeps } from './deps.ts';
import { agentKeyOf, hostKeyOf } from './machine-keys.ts';
import { networkOrder } from './network-order.ts';
import { Slots } from './slots.ts';
import { userDataOf } from './user-data.ts';

/** A backend that needs longer than this for a list is as good as silent. */
const READ_DEADLINE_MS = 30_000;
/** Powering and removing are cheap for us and slow for the backend; this many at a time keep one from starving the others. */
const ACT_SLOTS = 8;

export type SeenPower = PowerState | 'absent';

/** Machines of a contract beside the one that it is to have: a request that arrived late made them. */
export interface Surplus {
  /** Of the same operation. */
  readonly twins: readonly ExternalId[];
  /** Earlier operations, removed by the ledger, of which there is a machine all the same. */
  readonly earlier: readonly OperationId[];
}

/** One configured backend while the agent runs: its plugin, its lanes, and what was last seen of it. */
export class Target {
  readonly name: TargetDeps['name'];
  readonly type: string;
  readonly provisioner: Provisioner;
  /** Lanes in which machines are made. */
  readonly creating: Slots;
  /** Lanes in which machines are stopped, started and removed. */
  readonly acting = new Slots(ACT_SLOTS);
  readonly #clock: Clock;
  readonly #log: Log;
  #inventory: { readonly value: Inventory; readonly measuredAt: number } | undefined;
  #problem: string | undefined;
  #seen = new Map<ContractId, readonly Instance[]>();

  constructor(deps: TargetDeps, agent: AgentDeps, onFree: () => void) {
    this.name = deps.name;
    this.type = deps.type;
    this.provisioner = deps.provisioner;
    const { patient } = deps.provisioner.capabilities;
    this.creating = new Slots(patient === true ? Infinity : agent.settings.maxConcurrentProvisioning, onFree);
    this.#clock = agent.clock;
    this.#log = agent.log.child({ target: deps.name });
  }

  /** Why the backend could not be read, the last time. */
  get problem(): string | undefined {
    return this.#problem;
  }

  get inventory(): Inventory | undefined {
    return this.#inventory?.value;
  }

  /** The machines of the latest successful list, by contract: more than one where a late request made a second one. */
  get seen(): ReadonlyMap<ContractId, readonly Instance[]> {
    return this.#seen;
  }

  /** The machine of a record as the latest list showed it. */
  seenOf(record: ContractRecord): Instance | undefined {
    const known = record.instance?.externalId;
    return this.#seen
      .get(record.contract)
      ?.find(({ externalId, stamp }) =>
        known === undefined ? stamp.operation === record.operation : externalId === known,
      );
  }

  /** What the latest list showed of a contract beside the machine that it is to have. */
  surplusOf(record: ContractRecord): Surplus {
    return { twins: this.#twinsOf(record), earlier: this.#earlierOf(record) };
  }

  #earlierOf({ contract, operation, earlierOperations = [] }: ContractRecord): readonly OperationId[] {
    const seen = new Set(this.#seen.get(contract)?.map(({ stamp }) => stamp.operation));
    return earlierOperations.filter((earlier) => earlier !== operation && seen.has(earlier));
  }

  /** None while the one that is kept is not in the list too. */
  #twinsOf(record: ContractRecord): readonly ExternalId[] {
    const { removeTwin } = this.provisioner;
    if (removeTwin === undefined || record.machine !== 'made' || record.instance === undefined) return [];
    const { externalId } = record.instance;
    const listed = (this.#seen.get(record.contract) ?? []).filter(({ stamp }) => stamp.operation === record.operation);
    if (!listed.some((instance) => instance.externalId === externalId)) return [];
    return listed.map((instance) => instance.externalId).filter((id) => id !== externalId);
  }

  get can(): {
    stop: boolean;
    start: boolean;
    needsLogin: boolean;
    setKeys: boolean;
    setPassword: boolean;
    runScript?: boolean;
  } {
    const { stop, start, setKeys, setPassword, newPassword, runScript, capabilities } = this.provisioner;
    return {
      stop: stop !== undefined,
      start: start !== undefined,
      needsLogin: capabilities.readiness === 'ssh',
      setKeys: setKeys !== undefined,
      setPassword: setPassword !== undefined || newPassword !== undefined,
      runScript: runScript !== undefined,
    };
  }

  /** Everything of ours on the backend; undefined when it cannot be listed now, which says nothing about any machine. */
  async list(signal: AbortSignal): Promise<Listing | undefined> {
    const { provisioner } = this;
    if (provisioner.list === undefined) return undefined;
    const listing = await this.#read(signal, (ctx) => provisioner.list?.(ctx));
    if (listing !== undefined) {
      this.#seen = byContract(listing.instances);
    }
    return listing;
  }

  async measure(signal: AbortSignal): Promise<void> {
    const measuredAt = this.#clock.now();
    const value = await this.#read(signal, (ctx) => this.provisioner.inventory(ctx));
    if (value !== undefined) this.#inventory = { value, measuredAt };
  }

  /** What was promised to contracts, and is not in the latest measurement yet. */
  promised(records: Iterable<ContractRecord>): Demand[] {
    const measuredAt = this.#inventory?.measuredAt ?? 0;
    const promised: Demand[] = [];
    for (const record of records) {
      if (record.target !== this.name || record.closedAt !== undefined) continue;
      if (record.goal === 'deliver' && (record.machine !== 'made' || record.admittedAt >= measuredAt))
        promised.push(record.order);
      else if (record.deliveredAt !== undefined && record.deliveredAt >= measuredAt) promised.push(record.order);
    }
    return promised;
  }

  /** Whether one more machine fits beside what was promised. */
  admits(demand: Demand, promised: readonly Demand[], headroomMb: number): ReturnType<typeof admit> {
    return admit(demand, this.#inventory?.value, promised, headroomMb);
  }

  async #read<T>(
    signal: AbortSignal,
    call: (ctx: { signal: AbortSignal; log: Log }) => Promise<T> | undefined,
  ): Promise<T | undefined> {
    try {
      const value = await withDeadline(this.#clock, READ_DEADLINE_MS, signal, async (inner) =>
        call({ signal: inner, log: this.#log }),
      );
      if (this.#problem !== undefined) this.#log.info({}, 'the backend answers again');
      this.#problem = undefined;
      return value;
    } catch (error) {
      if (signal.aborted) throw error;
      const problem = error instanceof Error ? error.message : String(error);
      if (this.#problem === undefined)
        this.#log.warn({ error }, 'the backend cannot be read; nothing is concluded from that');
      this.#problem = problem;
      return undefined;
    }
  }
}

function byContract(instances: readonly Instance[]): Map<ContractId, readonly Instance[]> {
  const groups = new Map<ContractId, Instance[]>();
  for (const instance of instances) {
    const group = groups.get(instance.stamp.contract);
    if (group === undefined) groups.set(instance.stamp.contract, [instance]);
    else group.push(instance);
  }
  return groups;
}

/** How a record's machine is named towards its plugin. */
export function ownedRef(record: ContractRecord, agent: AgentDeps['agent']): OwnedRef {
  const externalId: ExternalId | undefined = record.instance?.externalId;
  const user = record.instance?.ssh?.user;
  return {
    stamp: { agent, contract: record.contract, operation: record.operation },
    handles: record.handles,
    ...(user === undefined ? {} : { user }),
    ...(externalId === undefined ? {} : { externalId }),
  };
}

/** The address that was promised with the route. */
function addressFor({ route }: ContractRecord, gateway: AgentDeps['gateway']): StaticAddress | undefined {
  if (route?.ipv4 === undefined || gateway?.network === undefined) return undefined;
  return staticAddress(gateway.network, route.ipv4);
}

export function machineOrder(
  record: ContractRecord,
  { agent, vault, gateway }: Pick<AgentDeps, 'agent' | 'vault' | 'gateway'>,
  capabilities: Capabilities,
): MachineOrder {
  const { order } = record;
  const address = addressFor(record, gateway);
  const network = address === undefined ? undefined : networkOrder(record.operation, address, capabilities);
  const document = userDataOf(record, { vault }, capabilities);
  const byCreate = order.recipe === undefined || order.recipe.by === 'create';
  return {
    stamp: { agent, contract: record.contract, operation: record.operation },
    name: machineName(record.contract),
    offering: order.offering,
    sshKey: order.sshKey,
    ...(order.user === undefined ? {} : { user: order.user }),
    settings: order.settings,
    ...(order.cpuCores === undefined ? {} : { cpuCores: order.cpuCores }),
    ...(order.memoryMb === undefined ? {} : { memoryMb: order.memoryMb }),
    ...(order.storageGb === undefined ? {} : { storageGb: order.storageGb }),
    hostKey: hostKeyOf(vault, record),
    ...(address === undefined ? {} : { address }),
    ...(network === undefined ? {} : { network }),
    ...(document === undefined ? {} : { userData: document }),
    ...(order.recipe?.by === 'ssh' ? { agentKey: agentKeyOf(vault, record).publicKey } : {}),
    ...(order.postProvisionScript !== undefined && byCreate ? { postProvisionScript: order.postProvisionScript } : {}),
  };
}
