import assert from 'node:assert/strict';
import type { OwnerStamp } from '../contract.ts';
import { type Bench, type BenchFaults, method, offered, type Rule } from './bench.ts';
import { atEveryCall, holds, made, settled } from './judge.ts';
import { again, context, operation, refOf } from './operations.ts';

/** What can end an act in its middle, and the first call at which it can. */
const BREAKS = {
  loseAnswer: { first: 1, says: 'whichever of its answers is lost', needs: 'losing the answer to any call' },
  cutAfter: { first: 0, says: 'when it dies between any two of its calls', needs: 'a plugin that dies half-way' },
  throttleAfter: { first: 0, says: 'when the backend asks for less at any of its calls', needs: 'throttling' },
} as const satisfies Partial<Record<keyof BenchFaults, object>>;

type Break = keyof typeof BREAKS;
const ALL: readonly Break[] = ['loseAnswer', 'cutAfter', 'throttleAfter'];

export const interruptionRules: readonly Rule[] = [
  ...ALL.map(createConverges),
  ...ALL.map(destroyConverges),
  {
    says: 'what a create that died has made is in the list',
    async check(bench) {
      const cut = offered(bench.faults?.cutAfter, BREAKS.cutAfter.needs);
      const count = offered(bench.count, 'a count of what it really holds');
      const list = method(bench.provisioner, 'list');
      await atEveryCall(0, async (calls) => {
        const order = bench.order();
        const op = operation(order.stamp);
        const end = await cut(calls);
        await settled(bench.provisioner.create(order, op));
        const met = await end();
        const { complete, instances } = await list(context());
        const listed = instances.filter(({ stamp }) => stamp.contract === order.stamp.contract);
        assert.deepEqual({ complete, listed: listed.length }, { complete: true, listed: await count(order.stamp) });
        await clear(bench, order.stamp, op.handles);
        return met;
      });
    },
  },
];

function createConverges(by: Break): Rule {
  const { first, says, needs } = BREAKS[by];
  return {
    says: `create converges ${says}`,
    async check(bench) {
      const interrupt = offered(bench.faults?.[by], needs);
      await atEveryCall(first, async (at) => {
        const order = bench.order();
        const op = operation(order.stamp);
        const end = await interrupt(at);
        await settled(bench.provisioner.create(order, op));
        const met = await end();
        const instance = await bench.provisioner.create(order, again(op));
        assert.equal(instance.power, 'running');
        await holds(bench, order, 1);
        await clear(bench, order.stamp, op.handles);
        return met;
      });
    },
  };
}

function destroyConverges(by: Break): Rule {
  const { first, says, needs } = BREAKS[by];
  return {
    says: `destroy converges ${says}`,
    async check(bench) {
      const interrupt = offered(bench.faults?.[by], needs);
      await atEveryCall(first, async (at) => {
        const { order, instance } = await made(bench);
        const op = operation(order.stamp);
        const end = await interrupt(at);
        await settled(bench.provisioner.destroy(refOf(instance), op));
        const met = await end();
        await bench.provisioner.destroy(refOf(instance), again(op));
        await holds(bench, order, 0);
        return met;
      });
    },
  };
}

/** So that a long row of trials does not fill the backend. */
async function clear(
  { provisioner }: Bench,
  stamp: OwnerStamp,
  handles: Readonly<Record<string, string>>,
): Promise<void> {
  await provisioner.destroy({ stamp, handles }, operation(stamp, { attempt: 2 }));
}
