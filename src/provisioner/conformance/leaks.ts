import assert from 'node:assert/strict';
import { type Bench, offered, type Rule } from './bench.ts';
import { made, settled } from './judge.ts';
import { again, operation, refOf } from './operations.ts';

export const leakRules: readonly Rule[] = [
  {
    says: 'nothing that costs money is left of a machine that was destroyed',
    async check(bench) {
      const leftovers = offered(bench.leftovers, 'a look at everything that it charges for');
      const { order, instance } = await made(bench);
      assert.notDeepEqual(await leftovers(), [], 'the bench does not see what is there');
      await bench.provisioner.destroy(refOf(instance), operation(order.stamp));
      assert.deepEqual(await leftovers(), []);
    },
  },
  {
    says: 'nothing that costs money is left of a create that failed',
    async check(bench) {
      const leftovers = offered(bench.leftovers, 'a look at everything that it charges for');
      for (const fail of offered(failingCreates(bench), 'failing creates')) {
        const order = bench.order();
        const op = operation(order.stamp);
        await fail();
        await settled(bench.provisioner.create(order, op));
        await bench.provisioner.destroy({ stamp: order.stamp, handles: op.handles }, again(op));
        assert.deepEqual(await leftovers(), []);
      }
    },
  },
];

function failingCreates({ faults }: Bench): (() => Promise<void>)[] | undefined {
  const all = [faults?.loseCreateAnswer, faults?.loseCreateRequest, faults?.refuseCreate, faults?.denyCreate];
  const possible = all.filter((fail) => fail !== undefined);
  return possible.length === 0 ? undefined : possible;
}
