import type { ContractId, ExternalId } from '../../../src/provisioner/index.ts';
import type { BrokenPlugin } from './index.ts';

/** Mistakes in making machines. */
export const brokenMaking: readonly BrokenPlugin[] = [
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
];
