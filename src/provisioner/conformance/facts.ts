import assert from 'node:assert/strict';
import { method, type Rule } from './bench.ts';
import { holds, made } from './judge.ts';
import { context } from './operations.ts';

export const factRules: readonly Rule[] = [
  {
    says: 'inventory and check look without changing anything',
    async check(bench) {
      const { order } = await made(bench);
      const inventory = await bench.provisioner.inventory(context());
      assert.ok(inventory.memoryFreeMb <= inventory.memoryTotalMb);
      for (const { totalGb, freeGb } of inventory.storages) assert.ok(freeGb >= 0 && freeGb <= totalGb);
      const findings = await bench.provisioner.check(context());
      assert.deepEqual(
        findings.filter(({ level }) => level === 'fail'),
        [],
      );
      for (const { code } of findings) assert.match(code, /^[a-z0-9-]+(\.[a-z0-9-]+)+$/);
      await holds(bench, order, 1);
    },
  },
  {
    says: 'traffic counts our contracts only, in whole bytes',
    async check(bench) {
      const traffic = method(bench.provisioner, 'traffic');
      const { order } = await made(bench);
      await bench.foreign?.add({});
      const samples = await traffic(context());
      assert.deepEqual(
        samples.map(({ contract }) => contract),
        [order.stamp.contract],
      );
      for (const { bytesIn, bytesOut } of samples) {
        assert.ok(Number.isSafeInteger(bytesIn) && bytesIn >= 0);
        assert.ok(Number.isSafeInteger(bytesOut) && bytesOut >= 0);
      }
    },
  },
];
