import type { SandboxCore } from '../../simulators/sandbox/core.ts';
import { type ContractId, type ExternalId, type Provisioner, ProvisionerError } from '../../src/provisioner/index.ts';
import type { Alter } from './trial.ts';

export interface BrokenPlugin {
  readonly flaw: string;
  readonly alter: Alter;
  /** Rules of the kit that must notice; others may too. */
  readonly caughtBy: readonly string[];
}

/** Plugins as they are written in a hurry, each with one mistake that costs somebody a machine, money or an evening. */
export const brokenPlugins: readonly BrokenPlugin[] = [
  {
    flaw: 'destroys whatever has the id',
    alter: (good, core) => ({
      ...good,
      async destroy(ref, op) {
        if (ref.externalId !== undefined && core.machines.has(ref.externalId)) core.admin.lose(ref.externalId);
        else await good.destroy(ref, op);
      },
    }),
    caughtBy: [
      'ownership: refuses to destroy a stranger that has our external id',
      "ownership: refuses to destroy a machine that carries another contract's stamp",
      'ownership: refuses to destroy the machine of another operation of the same contract',
      'errors: are ProvisionerErrors when the call was cancelled before it began, and nothing was touched',
    ],
  },
  {
    flaw: 'destroys what has the right name',
    alter: (good, core) => ({
      ...good,
      async destroy(ref, op) {
        const name = `dc-${ref.stamp.contract.slice(0, 16)}`;
        for (const machine of core.machines.values()) if (machine.name === name) core.admin.lose(machine.id);
        await good.destroy(ref, op);
      },
    }),
    caughtBy: ['create: leaves a stranger with the same name alone'],
  },
  {
    flaw: 'destroys every machine of the agent',
    alter: (good, core) => ({
      ...good,
      async destroy(ref, op) {
        await good.destroy(ref, op);
        for (const { id, labels } of core.machines.values()) {
          if (labels['dc-agent-id'] === ref.stamp.agent) core.admin.lose(id);
        }
      },
    }),
    caughtBy: ['destroy: leaves the machines of other contracts alone'],
  },
  {
    flaw: 'stops and starts whatever has the id',
    alter: (good, core) => ({
      ...good,
      async stop(ref) {
        if (ref.externalId !== undefined) core.admin.powerOff(ref.externalId);
      },
      async start(ref, op) {
        const seen = await good.observe(ref, op);
        if (seen.state === 'present') return good.start(ref, op);
        return { externalId: ref.externalId ?? ('' as ExternalId), stamp: ref.stamp, power: 'running' };
      },
    }),
    caughtBy: [
      'ownership: refuses to stop a stranger that has our external id',
      'ownership: refuses to start a stranger that has our external id',
      "ownership: refuses to stop a machine that carries another contract's stamp",
      "ownership: refuses to start a machine that carries another contract's stamp",
      'stop and start: neither pretends to have done it when the machine is gone',
    ],
  },
  {
    flaw: 'makes a new machine at every attempt',
    alter: (good) => ({
      ...good,
      create: (order, op) => good.create(order, { ...op, attempt: 1, outcomeUnknown: false, handles: {} }),
    }),
    caughtBy: [
      'create: converges when repeated with what it remembered',
      'create: finds its machine by the stamp when nothing was remembered',
      'create: finds its machine although one list was empty by mistake',
      'create: adopts the machine whose create was processed and whose answer was lost',
      'create: adopts the machine whose create was answered with an error and made it all the same',
      'create: converges when it was cancelled half-way and begun again at once',
    ],
  },
  {
    flaw: 'makes nothing when it is not the first attempt',
    alter: (good) => ({
      ...good,
      async create(order, op) {
        if (op.attempt === 1) return good.create(order, op);
        const seen = await good.observe({ stamp: order.stamp, handles: op.handles }, op);
        if (seen.state === 'present') return seen.instance;
        return { externalId: 'pending' as ExternalId, stamp: order.stamp, power: 'running' };
      },
    }),
    caughtBy: ['create: makes the machine after all when the create was lost before it was processed'],
  },
  {
    flaw: 'forgets the stamp',
    alter: (good, core) => ({
      ...good,
      async create(order, op) {
        const instance = await good.create(order, op);
        core.admin.setLabels(instance.externalId, {});
        return instance;
      },
    }),
    caughtBy: [
      'create: makes one running machine that carries the stamp',
      'destroy: finds the machine by its stamp when the external id was never learnt',
      'observe: sees a machine by its external id and by its stamp alone',
    ],
  },
  {
    flaw: 'is done as soon as the backend has accepted the order to delete',
    alter: (good, core) => ({
      ...good,
      async destroy(ref, op) {
        const seen = await good.observe(ref, op);
        if (seen.state !== 'present') return good.destroy(ref, op);
        core.handle({ method: 'DELETE', path: `/machines/${seen.instance.externalId}` });
      },
    }),
    caughtBy: [
      'destroy: removes the machine, and may be repeated',
      'destroy: removes a machine that is off',
      'destroy: removes every machine with the stamp, where a late request made a second one',
      'destroy: is done only when the machine is gone, whatever the backend accepted',
    ],
  },
  {
    flaw: 'takes any trouble while destroying for "already gone"',
    alter: (good) => ({ ...good, destroy: (ref, op) => good.destroy(ref, op).catch(() => {}) }),
    caughtBy: [
      'destroy: does not call a machine gone because the backend answers with errors',
      'errors: are ProvisionerErrors when the backend is gone, from every call',
    ],
  },
  {
    flaw: 'complains when there is nothing to destroy',
    alter: (good) => ({
      ...good,
      async destroy(ref, op) {
        const seen = await good.observe(ref, op);
        if (seen.state === 'absent') throw new ProvisionerError('retry', 'no such machine');
        await good.destroy(ref, op);
      },
    }),
    caughtBy: ['destroy: is content when nothing was ever made'],
  },
  {
    flaw: 'makes nothing findable before the end',
    alter: (good, core) => ({
      ...good,
      async create(order, op) {
        const unmarked = { ...order, stamp: { ...order.stamp, contract: 'b'.repeat(64) as ContractId } };
        const instance = await good.create(unmarked, op).catch((error: unknown) => {
          // The half-made machine stays behind, and nothing leads to it.
          for (const { id, labels } of core.machines.values()) {
            if (labels['dc-operation-id'] !== op.id) continue;
            core.admin.setLabels(id, { 'dc-contract-id': order.stamp.contract });
          }
          throw error;
        });
        core.admin.setLabels(instance.externalId, {
          'dc-agent-id': order.stamp.agent,
          'dc-contract-id': order.stamp.contract,
          'dc-operation-id': order.stamp.operation,
        });
        return { ...instance, stamp: order.stamp };
      },
    }),
    caughtBy: ['create: leaves nothing that destroy cannot find when it is cancelled'],
  },
  {
    flaw: 'does not hear that it is cancelled',
    alter: (good) => {
      const { signal } = new AbortController();
      return {
        ...good,
        create: (order, op) => good.create(order, { ...op, signal }),
        destroy: (ref, op) => good.destroy(ref, { ...op, signal }),
        stop: (ref, op) => good.stop(ref, { ...op, signal }),
      };
    },
    caughtBy: [
      'create: does nothing when it was cancelled before it began',
      'errors: are ProvisionerErrors when the call was cancelled before it began, and nothing was touched',
    ],
  },
  {
    flaw: 'waits for ever for an answer',
    alter: (good) => ({
      ...good,
      // Whatever ends the wait is swallowed.
      inventory: (ctx) => good.inventory(ctx).catch(() => new Promise<never>(() => {})),
    }),
    caughtBy: ['errors: end a call soon after it is cancelled, though the backend says nothing'],
  },
  {
    flaw: 'sends every tenant to the same address',
    alter: (good) => ({
      ...good,
      create: async (order, op) => ({
        ...(await good.create(order, op)),
        ssh: { host: '127.0.0.1', port: 22, user: 'root' },
      }),
    }),
    caughtBy: ['create: makes many machines at once, each for its own contract'],
  },
  {
    flaw: 'destroys instead of stopping',
    alter: (good) => ({ ...good, stop: (ref, op) => good.destroy(ref, op) }),
    caughtBy: [
      'stop and start: stop powers off and keeps the machine, start brings the same one back, and both may be repeated',
      'stop and start: stop keeps the machine also where nothing can start it again',
    ],
  },
  {
    flaw: 'starts nothing that went off by itself',
    alter: (good) => ({
      ...good,
      async start(ref, op) {
        const seen = await good.observe(ref, op);
        if (seen.state === 'present') return seen.instance;
        return good.start(ref, op);
      },
    }),
    caughtBy: ['stop and start: start switches on what went off by itself'],
  },
  {
    flaw: 'takes any trouble while looking for absence',
    alter: (good) => ({ ...good, observe: (ref, ctx) => good.observe(ref, ctx).catch(() => ({ state: 'absent' })) }),
    caughtBy: [
      'observe: never says absent because the backend does not answer',
      'observe: never says absent because the backend answers with errors',
    ],
  },
  {
    flaw: 'believes a single list',
    alter: (good) => {
      const find: Provisioner['observe'] = async (ref, ctx) => {
        const { instances } = await good.list(ctx);
        const instance = instances.find(({ stamp }) => stamp.operation === ref.stamp.operation);
        return instance ? { state: 'present', instance } : { state: 'absent' };
      };
      return {
        ...good,
        observe: find,
        async destroy(ref, op) {
          const seen = await find(ref, op);
          if (seen.state === 'present') await good.destroy(ref, op);
        },
      };
    },
    caughtBy: [
      'observe: never says absent because one list left the machine out',
      'destroy: finds the machine although one list was empty by mistake',
    ],
  },
  {
    flaw: 'remembers machines that are gone',
    alter: (good) => ({
      ...good,
      async observe(ref, ctx) {
        const seen = await good.observe(ref, ctx);
        return seen.state === 'absent' ? { state: 'unknown', why: 'not in sight' } : seen;
      },
    }),
    caughtBy: ['observe: says absent when the machine was removed behind our back'],
  },
  {
    flaw: 'lists only what runs',
    alter: (good) => ({
      ...good,
      async list(ctx) {
        const { complete, instances } = await good.list(ctx);
        return { complete, instances: instances.filter(({ power }) => power === 'running') };
      },
    }),
    caughtBy: ['list: shows our machines in every power state, and nobody else’s'],
  },
  {
    flaw: 'calls every list complete',
    alter: (good) => ({ ...good, list: async (ctx) => ({ ...(await good.list(ctx)), complete: true }) }),
    caughtBy: ['list: says that it is incomplete when part of the backend could not be read'],
  },
  {
    flaw: 'removes both twins',
    alter: (good) => ({ ...good, removeTwin: (_twin, keep, op) => good.destroy(keep, op) }),
    caughtBy: [
      'twins of one stamp: removes exactly the second machine of a stamp, and may be repeated',
      'twins of one stamp: refuses to remove the machine that is to be kept',
      'twins of one stamp: refuses to remove the machine of another contract',
    ],
  },
  {
    flaw: 'removes any machine for a twin',
    alter: (good, core) => ({ ...good, removeTwin: async (twin) => core.admin.lose(twin) }),
    caughtBy: ['twins of one stamp: refuses to remove a stranger'],
  },
  {
    flaw: 'throws errors of its own',
    alter: (good) => ({
      ...good,
      inventory: (ctx) => good.inventory(ctx).catch(plain),
      destroy: (ref, op) => good.destroy(ref, op).catch(plain),
    }),
    caughtBy: [
      'errors: are ProvisionerErrors when the backend is gone, from every call',
      'errors: are ProvisionerErrors when the backend answers with errors, from every call',
    ],
  },
  {
    flaw: 'quotes the order in its errors',
    alter: (good) => ({
      ...good,
      create: (order, op) =>
        good.create(order, op).catch((cause: unknown) => {
          throw new ProvisionerError('retry', `could not make ${JSON.stringify(order)}`, { cause });
        }),
    }),
    caughtBy: ['errors: hold nothing private of the order, in any of their texts'],
  },
  {
    flaw: 'makes a machine to see whether it can',
    alter: (good, core) => ({
      ...good,
      async check(ctx) {
        const [machine] = core.machines.values();
        if (machine) core.admin.duplicate(machine.id);
        return good.check(ctx);
      },
    }),
    caughtBy: ['facts: inventory and check look without changing anything'],
  },
  {
    flaw: 'counts the traffic of strangers',
    alter: (good, core) => ({ ...good, traffic: async () => everybodysTraffic(core) }),
    caughtBy: ['facts: traffic counts our contracts only, in whole bytes'],
  },
];

function plain(error: unknown): never {
  throw new Error(`it did not work: ${String(error)}`);
}

function everybodysTraffic(core: SandboxCore): { contract: ContractId; bytesIn: number; bytesOut: number }[] {
  return [...core.machines.values()].map(({ labels }) => ({
    contract: (labels['dc-contract-id'] ?? '') as ContractId,
    bytesIn: 0,
    bytesOut: 0,
  }));
}
