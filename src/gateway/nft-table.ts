import type { ContractId } from '../ports/ids.ts';
import { type Change, exchange, repair } from './nft-change.ts';
import { type KernelAbility, kernelAbility } from './nft-kernel.ts';
import { readBytes, readChains, readTables, type Seen } from './nft-read.ts';
import { type Nft, NftRefusal } from './nft-run.ts';
import { COUNTED, type Elements, elementsOf } from './nft-sets.ts';
import { type Skeleton, skeletonFor } from './nft-skeleton.ts';
import { type PlannedMachine, sameMachine } from './plan.ts';
import type { NetworkSettings } from './plan-settings.ts';
import { GatewayError } from './port.ts';

type Machines = ReadonlyMap<ContractId, PlannedMachine>;

/** Our table in the kernel. Calls must not overlap. */
export interface NftTable {
  /**
   * Makes the kernel have exactly these machines, in one transaction. A change against the last call is made as it is, and the
   * kernel refuses it when it has not what the last call left; then, and without a change, everything is read and compared. With more
   * than 250 machines that is not done in every pass: with 2,000 in every eighth.
   */
  apply(machines: Machines, signal: AbortSignal): Promise<readonly string[]>;
  /** Without machines nothing is open and tenants are kept apart: made where there is no table yet, as after a boot. */
  ensure(signal: AbortSignal): Promise<readonly string[]>;
  /** What each contract's machine has moved since its counters were made. */
  bytes(signal: AbortSignal): Promise<ReadonlyMap<string, { readonly in: number; readonly out: number }>>;
  /** Whether the machine itself answered a connection that this host made from `localPort`, in the last minute. */
  answered(localPort: number, port: number, ipv4: string, signal: AbortSignal): Promise<boolean>;
  ability(signal: AbortSignal): Promise<KernelAbility>;
}

/** Changes in a row that rest on the ones before; then everything is compared again. */
const CHANGES_UNCHECKED = 50;

/** Reading this many machines back takes nft about a fifth of a second of CPU time (1.5 s for 2,000). */
const COMPARED_AT_ONCE = 250;

export function createNftTable(settings: NetworkSettings, nft: Nft): NftTable {
  const publicAddresses = [...new Set([settings.publicIp, settings.localIp])];
  const wanted = (machines: Iterable<PlannedMachine>): Elements => elementsOf(machines, publicAddresses);
  let skeleton: Skeleton | undefined;
  /** What the kernel has had since our last call, unless somebody else changed it. */
  let known: Machines | undefined;
  let unchecked = 0;
  let quietPasses = 0;

  async function open(signal: AbortSignal): Promise<Skeleton> {
    if (skeleton !== undefined) return skeleton;
    const ability = await kernelAbility(nft, settings.nftTable, signal);
    const fresh = skeletonFor(settings, ability);
    // The answer may be no for want of memory, for example: a no is not kept.
    if (ability.bridge !== 'none') skeleton = fresh;
    return fresh;
  }

  async function see(skeleton: Skeleton, signal: AbortSignal): Promise<Seen> {
    const { table, families } = skeleton;
    const listings: unknown[] = [];
    for (const family of families) {
      const listing = await nft.list(['list', 'table', family, table], signal);
      if (listing !== undefined) listings.push(listing);
    }
    return readTables(skeleton, listings);
  }

  async function make({ commands, reasons }: Change, machines: Machines, signal: AbortSignal) {
    known = undefined;
    await nft.apply(commands, signal);
    known = machines;
    return reasons;
  }

  async function compareAll(machines: Machines, signal: AbortSignal): Promise<readonly string[]> {
    const ours = await open(signal);
    const change = repair(ours, await see(ours, signal), wanted(machines.values()));
    unchecked = 0;
    return make(change, machines, signal);
  }

  /** Undefined when the kernel is not as we left it. */
  async function changeOnly(before: Machines, after: Machines, signal: AbortSignal) {
    const ours = await open(signal);
    const out = [...before.values()].filter((machine) => !sameMachine(machine, after.get(machine.contract)));
    const come = [...after.values()].filter((machine) => !sameMachine(machine, before.get(machine.contract)));
    if (out.length + come.length === 0) return (await isQuiet(ours, after, signal)) ? [] : undefined;
    if (unchecked >= CHANGES_UNCHECKED) return undefined;
    // Its counters go on at the new address; for that they have to be read.
    if (out.some((machine) => hasMoved(machine, after.get(machine.contract)))) return undefined;
    unchecked += 1;
    try {
      return await make({ commands: exchange(ours, wanted(out), wanted(come)), reasons: [] }, after, signal);
    } catch (error) {
      // An entry that should be there is not, or one is that should not: somebody has been at it, or the table is gone.
      if (error instanceof NftRefusal) return undefined;
      throw error;
    }
  }

  /** In a large fleet most passes without a change only look whether the table stands; each machine's share of the work stays the same. */
  async function isQuiet(ours: Skeleton, { size }: Machines, signal: AbortSignal): Promise<boolean> {
    quietPasses += 1;
    if (quietPasses % Math.ceil(size / COMPARED_AT_ONCE) === 0 || size === 0) return false;
    return stands(ours, signal);
  }

  /** Listing chains is the one question to nft that does not grow with the number of elements. */
  async function stands({ table, chains }: Skeleton, signal: AbortSignal): Promise<boolean> {
    const listed = readChains(await nft.list(['list', 'chains'], signal));
    const there = new Set(
      listed.filter((chain) => chain.table === table).map(({ family, name }) => `${family} ${name}`),
    );
    return chains.every(({ family, name }) => there.has(`${family} ${name}`));
  }

  return {
    async apply(machines, signal) {
      const changed = known === undefined ? undefined : await changeOnly(known, machines, signal);
      return changed ?? compareAll(machines, signal);
    },

    async ensure(signal) {
      const ours = await open(signal);
      if (await stands(ours, signal)) return [];
      return compareAll(new Map(), signal);
    },

    async bytes(signal) {
      const listings: unknown[] = [];
      for (const name of [...COUNTED.in, ...COUNTED.out]) {
        // One set by its name is all that nft reads then.
        const listing = await nft.list(['list', 'set', 'inet', settings.nftTable, name], signal);
        if (listing === undefined) throw new GatewayError('retry', `there is no table ${settings.nftTable} yet`);
        listings.push(listing);
      }
      return readBytes(listings);
    },

    async answered(localPort, port, ipv4, signal) {
      const element = `{ ${localPort} . ${port} . ${ipv4} }`;
      const words = ['get', 'element', 'inet', settings.nftTable, 'answers', element];
      return (await nft.list(words, signal)) !== undefined;
    },

    ability: (signal) => kernelAbility(nft, settings.nftTable, signal),
  };
}

function hasMoved(before: PlannedMachine, after: PlannedMachine | undefined): boolean {
  return after !== undefined && (before.ipv4 !== after.ipv4 || before.ipv6 !== after.ipv6);
}
