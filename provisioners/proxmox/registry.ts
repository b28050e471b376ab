import { type AgentId, type CallContext, type Clock, isProvisionerError } from '../../src/provisioner/index.ts';
import type { Pve } from './api.ts';
import type { VmAt } from './api-vms.ts';
import { reasonOf } from './errors.ts';
import { type Judgement, judge, type Machine } from './judge.ts';
import type { ProxmoxSettings } from './schema.ts';
import { DC_TAG, hasTag } from './tags.ts';
import type { PveVmRow, VmConfig } from './wire.ts';

export interface Survey {
  readonly machines: readonly { readonly machine: Machine; readonly row: PveVmRow }[];
  /** Guests that may be ours and could not be judged. */
  readonly unclear: readonly { readonly vmid: number; readonly why: string }[];
}

export interface Registry {
  /**
   * Which of the listed guests are ours. A list does not show descriptions, so the configuration of every guest that could be ours is
   * read once, and again when its row changes, or `again` says so. Good for showing and counting; whoever acts reads the machine
   * again.
   */
  survey(rows: readonly PveVmRow[], ctx: CallContext, again?: (row: PveVmRow) => boolean): Promise<Survey>;
  /** Reads the machine again that was not read for longest, so that all are in time. */
  refresh(rows: readonly PveVmRow[], ctx: CallContext): Promise<void>;
  /** What was just read of a guest. */
  learn(at: VmAt, config: VmConfig): Judgement;
  forget(vmid: number): void;
  nodeOf(vmid: number): string | undefined;
}

/** Reads that pveproxy hands to the node's workers; more at once would crowd out what matters. */
const LANES = 4;
const FRESH_MS = 60_000;

interface Entry {
  readonly node: string;
  /** The row that belongs to what was read; absent when no list showed it yet. */
  row: string | undefined;
  readonly readAt: number;
  readonly judged: Judgement;
}

export function createRegistry(
  pve: Pick<Pve, 'vms'>,
  settings: Pick<ProxmoxSettings, 'vmid_start' | 'vmid_end'>,
  agent: AgentId,
  clock: Clock,
): Registry {
  const entries = new Map<number, Entry>();

  async function survey(
    rows: readonly PveVmRow[],
    ctx: CallContext,
    again: (row: PveVmRow) => boolean = () => false,
  ): Promise<Survey> {
    const candidates = rows.filter((row) => couldBeOurs(row, settings));
    const there = new Set(candidates.map(({ vmid }) => vmid));
    for (const vmid of entries.keys()) if (!there.has(vmid)) entries.delete(vmid);
    const changed = candidates.filter((row) => entries.get(row.vmid)?.row !== rowKey(row) || again(row));
    const failures = await readAll(changed, ctx);
    const machines: { machine: Machine; row: PveVmRow }[] = [];
    const unclear: { vmid: number; why: string }[] = [];
    for (const row of candidates) {
      const judged = entries.get(row.vmid)?.judged;
      const failure = failures.get(row.vmid);
      if (failure !== undefined) unclear.push({ vmid: row.vmid, why: failure });
      else if (judged?.whose === 'ours') machines.push({ machine: judged.machine, row });
      else if (judged?.whose === 'unclear') unclear.push({ vmid: row.vmid, why: judged.why });
    }
    return { machines, unclear };
  }

  /** Some at a time; says why a guest could not be read. */
  async function readAll(rows: readonly PveVmRow[], ctx: CallContext): Promise<Map<number, string>> {
    const queue = [...rows];
    const failures = new Map<number, string>();
    const lane = async (): Promise<void> => {
      for (let row = queue.pop(); row !== undefined; row = queue.pop()) {
        const failure = await read(row, ctx);
        if (failure !== undefined) failures.set(row.vmid, failure);
      }
    };
    await Promise.all(Array.from({ length: LANES }, lane));
    return failures;
  }

  async function read(row: PveVmRow, ctx: CallContext): Promise<string | undefined> {
    try {
      learn(row, await pve.vms.config(row, 'pending', ctx.signal));
      const entry = entries.get(row.vmid);
      if (entry !== undefined) entry.row = rowKey(row);
      return undefined;
    } catch (error) {
      if (!isProvisionerError(error) || ctx.signal.aborted) throw error;
      ctx.log.debug({ err: error, vmid: row.vmid, reason: reasonOf(error) }, 'proxmox: a guest could not be read');
      return error.message;
    }
  }

  function learn(at: VmAt, config: VmConfig): Judgement {
    const judged = judge(at, config, agent);
    const row = entries.get(at.vmid)?.row;
    entries.set(at.vmid, { node: at.node, row, readAt: clock.monotonic(), judged });
    return judged;
  }

  return {
    survey,
    learn,
    async refresh(rows, ctx) {
      const due = rows
        .flatMap((row) => {
          const entry = entries.get(row.vmid);
          return entry === undefined || clock.monotonic() - entry.readAt < FRESH_MS ? [] : [{ row, at: entry.readAt }];
        })
        .sort((a, b) => a.at - b.at)[0];
      if (due !== undefined && (await read(due.row, ctx)) !== undefined) entries.delete(due.row.vmid);
    },
    forget: (vmid) => void entries.delete(vmid),
    nodeOf: (vmid) => entries.get(vmid)?.node,
  };
}

/** Where a machine of ours can be: in our range, or made when the settings gave another one. */
function couldBeOurs(
  row: PveVmRow,
  { vmid_start, vmid_end }: Pick<ProxmoxSettings, 'vmid_start' | 'vmid_end'>,
): boolean {
  if (row.type !== 'qemu' || row.template) return false;
  const inRange = row.vmid >= vmid_start && row.vmid <= vmid_end;
  return inRange || row.name?.startsWith('dc-') === true || hasTag(row.tags, DC_TAG);
}

/** Everything in a row that does not change by itself. */
function rowKey({ node, name, tags, pool, template, maxcpu, maxmem, maxdisk }: PveVmRow): string {
  return JSON.stringify([node, name, tags, pool, template, maxcpu, maxmem, maxdisk]);
}
