import assert from 'node:assert/strict';
import { offered, type Rule } from './bench.ts';
import { holds, made, refused, sight } from './judge.ts';
import { context, operation, refOf, stampOnly } from './operations.ts';

export const throttlingRules: readonly Rule[] = [
  {
    says: 'is told as what it is by every call, and is no sign of absence',
    async check(bench) {
      const throttle = offered(bench.faults?.throttleAfter, 'throttling');
      const { provisioner } = bench;
      const { order, instance } = await made(bench);
      const fresh = bench.order();
      const end = await throttle(0);
      await refused(provisioner.create(fresh, operation(fresh.stamp)), ['throttled']);
      await refused(provisioner.destroy(refOf(instance), operation(order.stamp)), ['throttled']);
      await refused(provisioner.inventory(context()), ['throttled']);
      if (provisioner.list) await refused(provisioner.list(context()), ['throttled']);
      if (provisioner.stop) await refused(provisioner.stop(refOf(instance), operation(order.stamp)), ['throttled']);
      for (const ref of [refOf(instance), stampOnly(order)]) assert.notEqual(await sight(bench, ref), 'absent');
      await end();
      await holds(bench, order, 1);
      await holds(bench, fresh, 0);
    },
  },
];
