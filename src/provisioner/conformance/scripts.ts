import assert from 'node:assert/strict';
import type { GuestScript, OwnedRef } from '../contract.ts';
import { method, type Rule } from './bench.ts';
import { holds, made, powerOf, refused } from './judge.ts';
import { again, freshOperation, operation, refOf } from './operations.ts';

export const scriptRules: readonly Rule[] = [
  {
    says: 'are run at most once for each operation, and their end is found again',
    async check(bench) {
      const runScript = method(bench.provisioner, 'runScript');
      const { order, instance } = await made(bench);
      const op = operation(order.stamp);
      const first = await runScript(refOf(instance), ending(7), op);
      assert.equal(first.exit, 7);
      assert.equal(first.timedOut, false);
      // Another script under the same operation shows whether anything was run.
      const second = await runScript(refOf(instance), ending(8), again(op));
      assert.equal(second.exit, 7, 'it was run again');
      const other = await runScript(
        refOf(instance),
        ending(0),
        operation({ ...order.stamp, operation: freshOperation() }),
      );
      assert.equal(other.exit, 0);
      assert.equal(await powerOf(bench, instance), 'running');
      await holds(bench, order, 1);
    },
  },
  {
    says: 'do not pretend to have been run when the machine is gone, or another contract’s',
    async check(bench) {
      const runScript = method(bench.provisioner, 'runScript');
      const [one, other] = [await made(bench), await made(bench)];
      const wrong: OwnedRef = { ...refOf(one.instance), stamp: other.order.stamp };
      await refused(runScript(wrong, ending(0), operation(other.order.stamp)));
      await bench.provisioner.destroy(refOf(one.instance), operation(one.order.stamp));
      await refused(runScript(refOf(one.instance), ending(0), operation(one.order.stamp)));
      await holds(bench, one.order, 0);
    },
  },
];

function ending(exit: number): GuestScript {
  return { content: `#!/bin/sh\nexit ${exit}\n`, environment: {}, limitSeconds: 30 };
}
