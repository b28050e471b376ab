import type { SandboxCore } from '../../../simulators/sandbox/core.ts';
import { type ContractId, type Provisioner, ProvisionerError } from '../../../src/provisioner/index.ts';
import type { BrokenPlugin } from './index.ts';

/** Mistakes in looking, counting and complaining. */
export const brokenLooking: readonly BrokenPlugin[] = [
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
  {
    flaw: 'takes a machine that it does not find for one without cloud-init',
    alter: (good) => ({
      ...good,
      async cloudInit(ref, ctx) {
        const seen = await good.cloudInit?.(ref, ctx).catch(() => undefined);
        return seen ?? { state: 'none' };
      },
    }),
    caughtBy: [
      'scripts inside a machine: cloud-init is looked at, and nothing is changed by it; not in a machine that is gone or another contract’s',
    ],
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
