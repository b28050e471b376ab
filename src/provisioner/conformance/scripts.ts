import assert from 'node:assert/strict';
import type { GuestScript, OwnedRef } from '../contract.ts';
import { method, type Rule } from './bench.ts';
import { holds, made, powerOf, refused } from './judge.ts';
import { again, context, freshOperation, operation, refOf } from './operations.ts';

const STATES = ['none', 'running', 'done', 'failed', 'unknown'];

export const scriptRules: readonly Rule[] = [
  {
    says: 'cloud-init is looked at, and nothing is changed by it; not in a machine that is gone or another contract’s',
    async check(bench) {
      const cloudInit = method(bench.provisioner, 'cloudInit');
      const { order, instance } = await made(bench);
      const other = bench.order();
      const { state } = await cloudInit(refOf(instance), context());
      assert.ok(STATES.includes(state), `${state} is no state of it`);
      await refused(cloudInit({ ...refOf(instance), stamp: other.stamp }, context()));
      assert.equal(await powerOf(bench, instance), 'running');
      await bench.provisioner.destroy(refOf(instance), operation(order.stamp));
      await refused(cloudInit(refOf(instance), context()));
      await holds(bench, order, 0);
    },
  },
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
