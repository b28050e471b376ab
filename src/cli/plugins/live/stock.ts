import { createHash } from 'node:crypto';
import { sampleOrder } from '../../../provisioner/conformance.ts';
import type { Instance, MachineOrder, Operation, OwnerStamp, Provisioner } from '../../../provisioner/contract.ts';
import type { AgentId, Log } from '../../../provisioner/index.ts';
import { saveTrial, type TrialRecord } from '../../trial/record.ts';
import { removeTrial } from '../../trial/remove.ts';
import { within } from '../within.ts';

export interface StockInput {
  readonly provisioner: Provisioner;
  /** Who the machines' stamps name. */
  readonly agent: AgentId;
  readonly target: string;
  readonly stateDir: string;
  readonly log: Log;
  /** Ends every call of a rule, but not the removal of what it made. */
  readonly signal: AbortSignal;
  tell(text: string): void;
}

/** The machines of one rule: each is noted on this disk before the backend hears of it, and none is forgotten. */
export interface Stock {
  /** The target's plugin, such that whatever it makes is noted. */
  readonly provisioner: Provisioner;
  order(overrides?: Partial<MachineOrder>): MachineOrder;
  /** Removes all of it. Resolves with why something may be left, per machine. */
  clear(): Promise<string[]>;
}

/** Long enough for the last answer of a backend; a plugin that does not end a cancelled call by then breaks a promise. */
export const PATIENCE_MS = 60_000;

/** An agent of its own: a running agent's machines are never in its lists, nor its in theirs. */
export function conformanceAgent(agent: AgentId): AgentId {
  return createHash('sha256').update(`dc-agent conformance agent ${agent}`).digest('hex') as AgentId;
}

export function openStock(input: StockInput): Stock {
  const { provisioner, agent, stateDir, log } = input;
  const notes = new Map<string, TrialRecord>();
  const creates = new Set<Promise<unknown>>();
  const ending = new AbortController();
  const ended = AbortSignal.any([input.signal, ending.signal]);
  let saved: Promise<void> = Promise.resolve();

  /** On disk once it resolves. One after the other: two calls of one rule may note the same machine at the same time. */
  function note(stamp: OwnerStamp, change: Partial<TrialRecord>): Promise<void> {
    const record = { ...(notes.get(stamp.operation) ?? firstNote(stamp, input.target)), ...change };
    notes.set(stamp.operation, record);
    const save = (): Promise<void> => saveTrial(stateDir, notes.get(stamp.operation) ?? record);
    const saving = saved.then(save, save);
    saved = saving;
    return saving;
  }

  async function create(order: MachineOrder, op: Operation): Promise<Instance> {
    await note(order.stamp, {});
    const instance = await provisioner.create(order, noted(op, order.stamp));
    await note(order.stamp, { externalId: instance.externalId });
    return instance;
  }

  /** As the caller's operation, but ended with the run, and with handles that survive this process. */
  function noted(op: Operation, stamp: OwnerStamp): Operation {
    return {
      ...linked(op),
      async remember(key, value) {
        await note(stamp, { handles: { ...notes.get(stamp.operation)?.handles, [key]: value } });
        await op.remember(key, value);
      },
    };
  }

  function linked<C extends { readonly signal: AbortSignal }>(context: C): C {
    return { ...context, signal: AbortSignal.any([context.signal, ended]) };
  }

  const { destroy, observe, inventory, check, list, stop, start, setKeys, setPassword, removeTwin, traffic } =
    provisioner;
  return {
    provisioner: {
      capabilities: provisioner.capabilities,
      create(order, op) {
        const creating = create(order, op);
        creates.add(creating);
        return creating.finally(() => creates.delete(creating));
      },
      destroy: (ref, op) => destroy.call(provisioner, ref, linked(op)),
      observe: (ref, ctx) => observe.call(provisioner, ref, linked(ctx)),
      inventory: (ctx) => inventory.call(provisioner, linked(ctx)),
      check: (ctx) => check.call(provisioner, linked(ctx)),
      ...(list && { list: (ctx) => list.call(provisioner, linked(ctx)) }),
      ...(stop && { stop: (ref, op) => stop.call(provisioner, ref, linked(op)) }),
      ...(start && { start: (ref, op) => start.call(provisioner, ref, linked(op)) }),
      ...(setKeys && { setKeys: (ref, keys, op) => setKeys.call(provisioner, ref, keys, linked(op)) }),
      ...(setPassword && {
        setPassword: (ref, password, op) => setPassword.call(provisioner, ref, password, linked(op)),
      }),
      ...(removeTwin && { removeTwin: (twin, keep, op) => removeTwin.call(provisioner, twin, keep, linked(op)) }),
      ...(traffic && { traffic: (ctx) => traffic.call(provisioner, linked(ctx)) }),
    },
    order: (overrides) => {
      // The backend's own size of disk, as test-provision has it: an image may need more than a small one.
      const { storageGb: _, ...sample } = sampleOrder(agent, { memoryMb: 512, ...overrides });
      return sample;
    },
    async clear() {
      // A rule that broke off may have left calls under way: what they still make has to be there when it is removed.
      ending.abort(new Error('the rule has ended'));
      await within(PATIENCE_MS, Promise.allSettled(creates));
      const left: string[] = [];
      for (const record of notes.values()) {
        // Told only when it does not work at once: a removal for every rule would bury the verdicts.
        const told: string[] = [];
        const problem = await removeTrial(provisioner, record, stateDir, log, (text) => told.push(text));
        if (told.length > 2) for (const text of told) input.tell(text);
        if (problem !== undefined) left.push(`${record.contract.slice(0, 12)}: ${problem}`);
      }
      notes.clear();
      return left;
    },
  };
}

function firstNote({ agent, contract, operation }: OwnerStamp, target: string): TrialRecord {
  return { version: 1, target, agent, contract, operation, handles: {}, pid: process.pid, at: Date.now() };
}
