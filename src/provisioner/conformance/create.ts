import assert from 'node:assert/strict';
import { offered, type Rule } from './bench.ts';
import { holds, made, refused, settled, turns } from './judge.ts';
import { again, cancelled, operation, refOf, stampOnly } from './operations.ts';

export const createRules: readonly Rule[] = [
  {
    says: 'makes one running machine that carries the stamp',
    async check(bench) {
      const { order, instance } = await made(bench);
      assert.deepEqual(instance.stamp, order.stamp);
      assert.equal(instance.power, 'running');
      assert.notEqual(instance.externalId, '');
      await holds(bench, order, 1);
    },
  },
  {
    says: 'converges when repeated with what it remembered',
    async check(bench) {
      const order = bench.order();
      const op = operation(order.stamp);
      const first = await bench.provisioner.create(order, op);
      const second = await bench.provisioner.create(order, again(op, { outcomeUnknown: false }));
      assert.equal(second.externalId, first.externalId);
      await holds(bench, order, 1);
    },
  },
  {
    says: 'finds its machine by the stamp when nothing was remembered',
    async check(bench) {
      const { order, instance } = await made(bench);
      const repeated = operation(order.stamp, { attempt: 2, outcomeUnknown: true });
      const second = await bench.provisioner.create(order, repeated);
      assert.equal(second.externalId, instance.externalId);
      await holds(bench, order, 1);
    },
  },
  {
    says: 'finds its machine although one list was empty by mistake',
    async check(bench) {
      const lie = offered(bench.faults?.emptyList, 'an empty list that claims to be complete');
      const { order } = await made(bench);
      await lie();
      const repeated = operation(order.stamp, { attempt: 2, outcomeUnknown: true });
      await settled(bench.provisioner.create(order, repeated));
      await holds(bench, order, 1);
    },
  },
  {
    says: 'adopts the machine whose create was processed and whose answer was lost',
    async check(bench) {
      const lose = offered(bench.faults?.loseCreateAnswer, 'losing the answer to a create');
      const order = bench.order();
      const op = operation(order.stamp);
      await lose();
      await settled(bench.provisioner.create(order, op));
      await bench.provisioner.create(order, again(op));
      await holds(bench, order, 1);
    },
  },
  {
    says: 'adopts the machine whose create was answered with an error and made it all the same',
    async check(bench) {
      const deny = offered(bench.faults?.denyCreate, 'an error from a create that worked');
      const order = bench.order();
      const op = operation(order.stamp);
      await deny();
      await settled(bench.provisioner.create(order, op));
      await bench.provisioner.create(order, again(op));
      await holds(bench, order, 1);
    },
  },
  {
    says: 'makes the machine after all when the create was lost before it was processed',
    async check(bench) {
      const lose = offered(bench.faults?.loseCreateRequest, 'losing a create request');
      const order = bench.order();
      const op = operation(order.stamp);
      await lose();
      await settled(bench.provisioner.create(order, op));
      await bench.provisioner.create(order, again(op));
      await holds(bench, order, 1);
    },
  },
  {
    says: 'converges when it was cancelled half-way and begun again at once',
    async check(bench) {
      for (const steps of [0, 1, 3]) {
        const order = bench.order();
        const cancel = new AbortController();
        const op = operation(order.stamp, { signal: cancel.signal });
        const ending = settled(bench.provisioner.create(order, op));
        // Awaited at the end; until then it may fail without ending the process.
        ending.catch(() => {});
        await turns(steps);
        cancel.abort(new Error('cancelled by the test'));
        await bench.provisioner.create(order, again(op));
        await ending;
        // What was still under way when the second call looked is for the third to settle.
        await bench.provisioner.create(order, again(op));
        await holds(bench, order, 1);
      }
    },
  },
  {
    says: 'leaves nothing that destroy cannot find when it is cancelled',
    async check(bench) {
      const order = bench.order();
      const cancel = new AbortController();
      const op = operation(order.stamp, {
        signal: cancel.signal,
        onRemember: () => cancel.abort(new Error('cancelled by the test')),
      });
      await settled(bench.provisioner.create(order, op));
      await bench.provisioner.destroy({ stamp: order.stamp, handles: op.handles }, again(op));
      await holds(bench, order, 0);
    },
  },
  {
    says: 'does nothing when it was cancelled before it began',
    async check(bench) {
      const order = bench.order();
      const op = operation(order.stamp, { signal: cancelled() });
      await refused(bench.provisioner.create(order, op), ['retry', 'unknown-outcome']);
      await holds(bench, order, 0);
    },
  },
  {
    says: 'makes many machines at once, each for its own contract',
    async check(bench, { parallel }) {
      const orders = Array.from({ length: parallel }, () => bench.order());
      const { provisioner } = bench;
      const instances = await Promise.all(orders.map((order) => provisioner.create(order, operation(order.stamp))));
      assert.equal(new Set(instances.map((instance) => instance.externalId)).size, parallel);
      const addresses = instances.flatMap(({ ssh }) => (ssh ? [`${ssh.host}:${ssh.port}`] : []));
      assert.equal(new Set(addresses).size, addresses.length, 'two machines share an SSH address');
      await Promise.all(orders.map((order) => holds(bench, order, 1)));
      await Promise.all(instances.map((instance) => provisioner.destroy(refOf(instance), operation(instance.stamp))));
      await Promise.all(orders.map((order) => holds(bench, order, 0)));
    },
  },
  {
    says: 'leaves a stranger with the same name alone',
    async check(bench) {
      const { add, exists } = offered(bench.foreign, 'machines of strangers');
      const order = bench.order();
      const id = await add({ name: order.name });
      await settled(bench.provisioner.create(order, operation(order.stamp)));
      await bench.provisioner.destroy(stampOnly(order), operation(order.stamp));
      assert.equal(await exists(id), true);
    },
  },
];
