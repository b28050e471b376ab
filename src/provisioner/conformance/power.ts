import assert from 'node:assert/strict';
import { method, offered, type Rule } from './bench.ts';
import { holds, made, powerOf, refused } from './judge.ts';
import { operation, refOf } from './operations.ts';

export const powerRules: readonly Rule[] = [
  {
    says: 'stop powers off and keeps the machine, start brings the same one back, and both may be repeated',
    async check(bench) {
      const stop = method(bench.provisioner, 'stop');
      const start = method(bench.provisioner, 'start');
      const { order, instance } = await made(bench);
      for (const attempt of [1, 2]) await stop(refOf(instance), operation(order.stamp, { attempt }));
      assert.equal(await powerOf(bench, instance), 'stopped');
      for (const attempt of [1, 2]) {
        const started = await start(refOf(instance), operation(order.stamp, { attempt }));
        assert.equal(started.externalId, instance.externalId);
        assert.equal(started.power, 'running');
        assert.deepEqual(started.ssh, instance.ssh);
      }
      await holds(bench, order, 1);
    },
  },
  {
    says: 'stop keeps the machine also where nothing can start it again',
    async check(bench) {
      const stop = method(bench.provisioner, 'stop');
      const { order, instance } = await made(bench);
      await stop(refOf(instance), operation(order.stamp));
      await holds(bench, order, 1);
    },
  },
  {
    says: 'start switches on what went off by itself',
    async check(bench) {
      const start = method(bench.provisioner, 'start');
      const powerOff = offered(bench.faults?.powerOff, 'a machine going off by itself');
      const { order, instance } = await made(bench);
      await powerOff(instance.externalId);
      assert.equal(await powerOf(bench, instance), 'stopped');
      await start(refOf(instance), operation(order.stamp));
      assert.equal(await powerOf(bench, instance), 'running');
    },
  },
  {
    says: 'neither pretends to have done it when the machine is gone',
    async check(bench) {
      const stop = method(bench.provisioner, 'stop');
      const start = method(bench.provisioner, 'start');
      const { order, instance } = await made(bench);
      await bench.provisioner.destroy(refOf(instance), operation(order.stamp));
      await refused(start(refOf(instance), operation(order.stamp)));
      await refused(stop(refOf(instance), operation(order.stamp)));
      await holds(bench, order, 0);
    },
  },
];
