import { ProvisionerError } from '../../../src/provisioner/index.ts';
import { AGENT } from '../sandbox-bench.ts';
import type { BrokenPlugin } from './index.ts';

/** Mistakes that show when an act breaks off, is slowed down or ends. */
export const brokenBreakingOff: readonly BrokenPlugin[] = [
  {
    flaw: 'makes a new machine whenever the one before is not ready',
    alter: (good, core) => ({
      ...good,
      create: (order, op) => {
        const ready = [...core.machines.values()].some(
          ({ labels, state }) => labels['dc-operation-id'] === op.id && state === 'running',
        );
        return ready
          ? good.create(order, op)
          : good.create(order, { ...op, attempt: 1, outcomeUnknown: false, handles: {} });
      },
    }),
    caughtBy: [
      'lost answers and deaths: create converges whichever of its answers is lost',
      'lost answers and deaths: create converges when it dies between any two of its calls',
      'lost answers and deaths: create converges when the backend asks for less at any of its calls',
    ],
  },
  {
    flaw: 'orders each deletion once',
    alter: (good) => {
      const ordered = new Set<string>();
      return {
        ...good,
        async destroy(ref, op) {
          if (ordered.has(op.id)) return;
          ordered.add(op.id);
          await good.destroy(ref, op);
        },
      };
    },
    caughtBy: [
      'lost answers and deaths: destroy converges whichever of its answers is lost',
      'lost answers and deaths: destroy converges when it dies between any two of its calls',
      'lost answers and deaths: destroy converges when the backend asks for less at any of its calls',
    ],
  },
  {
    flaw: 'lists no machine that is not finished',
    alter: (good) => ({
      ...good,
      async list(ctx) {
        const { complete, instances } = await good.list(ctx);
        return { complete, instances: instances.filter(({ power }) => power !== 'transition') };
      },
    }),
    caughtBy: ['lost answers and deaths: what a create that died has made is in the list'],
  },
  {
    flaw: 'takes "slow down" for any other failure',
    alter: (good) => ({
      ...good,
      inventory: (ctx) =>
        good.inventory(ctx).catch((cause: unknown) => {
          throw new ProvisionerError('retry', 'no inventory', { cause });
        }),
    }),
    caughtBy: ['throttling: is told as what it is by every call, and is no sign of absence'],
  },
  {
    flaw: 'forgets the disk that it made',
    alter: (good, core) => ({
      ...good,
      async create(order, op) {
        core.admin.addForeign({ name: 'disk', labels: { 'dc-agent-id': AGENT } });
        return good.create(order, op);
      },
    }),
    caughtBy: [
      'leaks: nothing that costs money is left of a machine that was destroyed',
      'leaks: nothing that costs money is left of a create that failed',
    ],
  },
  {
    flaw: 'claims what it cannot do',
    alter: (good) => ({ ...good, capabilities: { ...good.capabilities, recipes: true, noDiskLimit: '' } }),
    caughtBy: [
      'capabilities: run the recipe where they say so',
      'capabilities: say why where the disk cannot be limited',
    ],
  },
  {
    flaw: 'gives no address to log in at',
    alter: (good) => ({
      ...good,
      async create(order, op) {
        const { ssh: _address, ...instance } = await good.create(order, op);
        return instance;
      },
    }),
    caughtBy: ['capabilities: name an address for every machine that is to be looked at over SSH'],
  },
];
